import type { OpKernels, TfjsKernels } from "../kernel.js";
import { attentionKernels } from "./attention.js";
import { convKernels } from "./conv.js";
import { copyKernels } from "./copy.js";
import { elementwiseKernels } from "./elementwise.js";
import { einsumKernels } from "./einsum.js";
import { expertMlpKernels } from "./expert-mlp.js";
import { functionKernels } from "./functions.js";
import { groupedMatmulKernels } from "./grouped-matmul.js";
import { imageKernels } from "./images.js";
import { linearKernels, matmulKernels } from "./matmul.js";
import { packBlocksKernels } from "./pack-blocks.js";
import { packedKernels } from "./packed.js";
import { pieceKernels } from "./pieces.js";
import { reduceKernels } from "./reduce.js";
import { routingKernels } from "./routing.js";
import { scanKernels } from "./scan.js";
import { scatterKernels } from "./scatter.js";
import { segmentedLoraKernels } from "./segmented-lora.js";
import { transformerKernels } from "./transformer.js";

/** Kernels of tfjs that are replaced. */
export const tfjsKernels: TfjsKernels = {
  ...matmulKernels,
  ...einsumKernels,
  ...elementwiseKernels,
  ...functionKernels,
  ...reduceKernels,
  ...scanKernels,
  ...copyKernels,
  ...pieceKernels,
  ...scatterKernels,
  ...convKernels,
  ...imageKernels,
};

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
