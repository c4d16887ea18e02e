import { library } from "../../tsup.shared.ts";

// Shims give the CommonJS build an `import.meta.url`, from which the compiled kernels are found.
export default library({ shims: true });
