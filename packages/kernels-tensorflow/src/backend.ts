import type { KernelBackend, Tensor } from "@tensorflow/tfjs";

/** Name, type and value of an attribute, as the binding wants them. */
export interface BindingAttr {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** What is used here of the backend of tfjs-node and tfjs-node-gpu, whose types are not there where they are not installed. */
export interface TensorflowBackend extends KernelBackend {
  readonly binding: Readonly<Record<"TF_ATTR_TYPE" | "TF_ATTR_BOOL" | "TF_ATTR_INT" | "TF_FLOAT" | "TF_INT32", number>>;
  readonly isUsingGpuDevice: boolean;
  /** Runs an op of TensorFlow's registry; the outputs belong to the tidy around the call. */
  executeMultipleOutputs(opName: string, attrs: BindingAttr[], inputs: Tensor[], numOutputs: number): Tensor[];
}
