import { ConfigError } from "@moekit/core";
import { expertCaches } from "../blocks/expert-cache.js";

/**
 * Divides memory for experts that stay in a file among the layers: the same share of the experts of each.
 * @param bytes - For all of them.
 * @throws ConfigError if that is too little for one expert of each layer.
 */
export function reserveExperts(model: object, bytes: number): void {
  const caches = expertCaches(model);
  const total = caches.reduce((sum, { numExperts, expertBytes }) => sum + numExperts * expertBytes, 0);
  for (const cache of caches) {
    const slots = Math.min(cache.numExperts, Math.floor((cache.numExperts * bytes) / total));
    if (!(slots >= 1)) {
      const least = Math.ceil(total / Math.min(...caches.map(({ numExperts }) => numExperts)));
      throw new ConfigError(`loadModel: expertCacheBytes must be at least ${least}, enough for one expert of each layer (all experts together have ${total}); got ${bytes}.`);
    }
    cache.reserve(slots);
  }
}
