export { type NativeInfo, nativeBackendName, nativeInfo, registerNativeBackend, setNativeInstructionSet, setNativeThreads } from "./register.js";
