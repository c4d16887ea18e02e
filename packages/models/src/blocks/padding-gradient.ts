/** T tokens, D model width. */
import * as tf from "@tensorflow/tfjs";

/**
 * Embeddings as they are, whose gradient is 0 where the token is padding: its row of the table does not learn from texts.
 *
 * @param padding - The id of padding.
 * @source `padding_idx` of torch.nn.Embedding, which all decoders of transformers set to `pad_token_id`.
 */
export function withoutPaddingGradient(rows_TD: tf.Tensor2D, ids_T: tf.Tensor1D, padding: number): tf.Tensor2D {
  const op = tf.customGrad((...args) => {
    const [x, ids, save] = args as unknown as [tf.Tensor2D, tf.Tensor1D, tf.GradSaveFunc];
    save([ids]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const counts = tf.cast(tf.notEqual(saved[0]!, padding), "float32");
      return [tf.mul(dy, tf.expandDims(counts, 1)), tf.zerosLike(saved[0]!)];
    };
    return { value: tf.clone(x), gradFunc };
  });
  return op(rows_TD, ids_T) as tf.Tensor2D;
}
