// On Windows, functions of Node-API are looked up in the program that loads this module, whatever its name: node.exe, or that of
// an application with Electron. The linker's library for them would look for a file node.exe.
#if defined(_WIN32)
#include <windows.h>
#include <delayimp.h>

namespace {

FARPROC WINAPI ofTheProgram(unsigned event, PDelayLoadInfo) {
  return event == dliNotePreLoadLibrary ? reinterpret_cast<FARPROC>(GetModuleHandleW(nullptr)) : nullptr;
}

}  // namespace

PfnDliHook __pfnDliNotifyHook2 = ofTheProgram;
#endif
