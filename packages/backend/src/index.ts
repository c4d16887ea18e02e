export { describeBackend } from "./describe-backend.js";
export { backendNames, selectBackend } from "./select-backend.js";
export type { BackendChoice, BackendFacts, BackendName, BackendReport, BackendStatus, SelectOptions } from "./types.js";
