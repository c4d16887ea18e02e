import type { OpKernels, TfjsKernels } from "../kernel.js";
import { attentionKernels } from "./attention.js";
import { convKernels } from "./conv.js";
import { copyKernels } from "./copy.js";
import { elementwiseKernels } from "./elementwise.js";
import { expertMlpKernels } from "./expert-mlp.js";
import { groupedMatmulKernels } from "./grouped-matmul.js";
import { linearKernels, matmulKernels } from "./matmul.js";
import { packBlocksKernels } from "./pack-blocks.js";
import { packedKernels } from "./packed.js";
import { reduceKernels } from "./reduce.js";
import { routingKernels } from "./routing.js";
import { segmentedLoraKernels } from "./segmented-lora.js";
import { transformerKernels } from "./transformer.js";

/** Kernels of tfjs that are replaced. */
export const tfjsKernels: TfjsKernels = { ...matmulKernels, ...elementwiseKernels, ...reduceKernels, ...copyKernels, ...convKernels };

/** Kernels of the moekit ops. */
export const opKernels: OpKernels = {
  ...linearKernels,
  ...groupedMatmulKernels,
  ...segmentedLoraKernels,
  ...expertMlpKernels,
  ...packedKernels,
  ...packBlocksKernels,
  ...attentionKernels,
  ...transformerKernels,
  ...routingKernels,
};
