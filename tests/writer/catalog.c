/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See catalog.h. */
#include <writer/catalog.h>

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include <writer/pe_builder.h>
#include <writer/util.h>

static const struct catalog_module modules[] = {
	{"ntdll.dll",
	 "NtAllocateVirtualMemory NtClose NtCreateEvent NtCreateFile NtCreateSection "
	 "NtDelayExecution NtDeviceIoControlFile NtDuplicateObject NtFreeVirtualMemory "
	 "NtMapViewOfSection NtOpenFile NtOpenKey NtOpenProcess NtOpenProcessToken NtOpenSection "
	 "NtProtectVirtualMemory NtQueryInformationFile NtQueryInformationProcess "
	 "NtQueryInformationToken NtQueryObject NtQuerySystemInformation NtQueryValueKey "
	 "NtQueryVirtualMemory NtReadFile NtReadVirtualMemory NtResumeThread "
	 "NtSetInformationFile NtSetInformationProcess NtSetInformationThread NtSetValueKey "
	 "NtTerminateProcess NtUnmapViewOfSection NtWaitForMultipleObjects NtWaitForSingleObject "
	 "NtWriteFile NtWriteVirtualMemory NtdllDefWindowProc_A LdrGetDllHandle "
	 "LdrGetProcedureAddress LdrLoadDll "
	 "LdrUnloadDll LdrAddRefDll LdrFindResource_U LdrAccessResource RtlAcquireSRWLockExclusive "
	 "RtlReleaseSRWLockExclusive RtlAllocateAndInitializeSid RtlAllocateHeap "
	 "RtlAnsiStringToUnicodeString RtlCompareUnicodeString RtlCopySid RtlCreateHeap "
	 "RtlCreateUserThread RtlDecodePointer RtlDeleteCriticalSection RtlDestroyHeap "
	 "RtlDosPathNameToNtPathName_U RtlEncodePointer RtlEnterCriticalSection RtlEqualSid "
	 "RtlExitUserThread RtlExitUserProcess RtlFreeHeap RtlFreeSid RtlFreeUnicodeString "
	 "RtlGetLastWin32Error RtlGetVersion RtlImageNtHeader RtlInitAnsiString "
	 "RtlInitUnicodeString RtlInitializeCriticalSection RtlInitializeSListHead "
	 "RtlInterlockedPushEntrySList RtlLeaveCriticalSection RtlLengthSid "
	 "RtlMultiByteToUnicodeN RtlNtStatusToDosError RtlQueryPerformanceCounter "
	 "RtlRaiseException RtlReAllocateHeap RtlRestoreLastWin32Error RtlSetLastWin32Error "
	 "RtlSizeHeap RtlUnicodeToMultiByteN RtlUnwindEx RtlVirtualUnwind RtlLookupFunctionEntry "
	 "RtlCaptureContext RtlPcToFileHeader EtwEventRegister EtwEventUnregister EtwEventWrite "
	 "TpAllocWork TpPostWork TpReleaseWork memcpy memmove memset memcmp strchr strlen strncmp "
	 "wcschr wcslen wcsncmp wcsrchr _wcsicmp _vsnwprintf qsort swprintf_s #8",
	 ""},
	{"KERNELBASE.dll",
	 "CloseHandle CreateEventW CreateFileA CreateFileMappingW CreateFileW CreateMutexW "
	 "CreateProcessW CreateThread CreateRemoteThreadEx DeleteFileW DeviceIoControl "
	 "DisableThreadLibraryCalls DuplicateHandle ExpandEnvironmentStringsW FindClose "
	 "FindFirstFileW FindNextFileW FlushFileBuffers FormatMessageW FreeEnvironmentStringsW "
	 "FreeLibrary GetACP GetCommandLineA GetCommandLineW GetConsoleMode GetCurrentDirectoryW "
	 "GetCurrentProcess GetCurrentProcessId GetCurrentThread GetCurrentThreadId "
	 "GetEnvironmentStringsW GetEnvironmentVariableW GetExitCodeProcess GetFileAttributesW "
	 "GetFileSizeEx GetFileType GetFullPathNameW GetLastError GetLocalTime "
	 "GetModuleFileNameW GetModuleHandleA GetModuleHandleExW GetModuleHandleW "
	 "GetProcAddress GetProcessHeap GetStartupInfoW GetStdHandle GetSystemDirectoryW "
	 "GetSystemInfo GetSystemTimeAsFileTime GetTempPathW GetTickCount GetTickCount64 "
	 "GetTimeZoneInformation GetVersionExW HeapCreate HeapDestroy HeapFree "
	 "InitializeCriticalSectionAndSpinCount IsDebuggerPresent IsProcessorFeaturePresent "
	 "LCMapStringW LoadLibraryExA LoadLibraryExW LocalAlloc LocalFree MapViewOfFile "
	 "MultiByteToWideChar OpenProcess OpenThread OutputDebugStringW QueryPerformanceCounter "
	 "QueryPerformanceFrequency RaiseException ReadFile ReadProcessMemory "
	 "RegCloseKey RegOpenKeyExW RegQueryValueExW RegSetValueExW ReleaseMutex ResetEvent "
	 "SetEnvironmentVariableW SetEvent SetFilePointerEx SetLastError "
	 "SetUnhandledExceptionFilter Sleep SleepEx SwitchToThread TerminateProcess TlsAlloc "
	 "TlsFree TlsGetValue TlsSetValue UnhandledExceptionFilter UnmapViewOfFile VirtualAlloc "
	 "VirtualAllocEx VirtualFree VirtualProtect VirtualProtectEx VirtualQuery "
	 "WaitForMultipleObjectsEx WaitForSingleObject WaitForSingleObjectEx "
	 "WideCharToMultiByte WriteFile WriteProcessMemory lstrlenW "
	 "EventRegister>NTDLL.EtwEventRegister EventWrite>NTDLL.EtwEventWrite",
	 "ntdll.dll:60"},
	{"KERNEL32.DLL",
	 "AcquireSRWLockExclusive>NTDLL.RtlAcquireSRWLockExclusive ActivateActCtx AddAtomW "
	 "CloseHandle CompareStringW CopyFileW CreateActCtxW CreateDirectoryW CreateEventA "
	 "CreateEventW CreateFileA CreateFileMappingA CreateFileMappingW CreateFileW "
	 "CreateMutexA CreateMutexW CreateProcessA CreateProcessW CreateRemoteThread "
	 "CreateSemaphoreW CreateThread CreateToolhelp32Snapshot "
	 "DecodePointer>NTDLL.RtlDecodePointer "
	 "DeleteCriticalSection>NTDLL.RtlDeleteCriticalSection DeleteFileA DeleteFileW "
	 "DeviceIoControl DisableThreadLibraryCalls DuplicateHandle "
	 "EncodePointer>NTDLL.RtlEncodePointer "
	 "EnterCriticalSection>NTDLL.RtlEnterCriticalSection ExitProcess "
	 "ExitThread>NTDLL.RtlExitUserThread ExpandEnvironmentStringsW FileTimeToSystemTime "
	 "FindClose FindFirstFileW FindNextFileW FindResourceW FlushFileBuffers FormatMessageW "
	 "FreeLibrary GetACP GetCPInfo GetCommandLineA GetCommandLineW GetComputerNameW "
	 "GetConsoleMode GetCurrentDirectoryW GetCurrentProcess GetCurrentProcessId "
	 "GetCurrentThread GetCurrentThreadId GetDriveTypeW GetEnvironmentStringsW "
	 "GetEnvironmentVariableW GetExitCodeProcess GetFileAttributesA GetFileAttributesW "
	 "GetFileSize GetFileType GetFullPathNameW GetLastError GetLocalTime GetLocaleInfoW "
	 "GetModuleFileNameA GetModuleFileNameW GetModuleHandleA GetModuleHandleW "
	 "GetNativeSystemInfo GetOEMCP GetPrivateProfileStringW GetProcAddress GetProcessHeap "
	 "GetStartupInfoA GetStartupInfoW GetStdHandle GetStringTypeW GetSystemDirectoryW "
	 "GetSystemInfo GetSystemTimeAsFileTime GetTempFileNameW GetTempPathW GetTickCount "
	 "GetVersionExW GetVolumeInformationW GetWindowsDirectoryW GlobalAlloc GlobalFree "
	 "GlobalLock GlobalMemoryStatusEx GlobalUnlock HeapAlloc>NTDLL.RtlAllocateHeap "
	 "HeapCreate HeapDestroy HeapFree HeapReAlloc>NTDLL.RtlReAllocateHeap "
	 "HeapSize>NTDLL.RtlSizeHeap "
	 "InitializeCriticalSection>NTDLL.RtlInitializeCriticalSection "
	 "InitializeCriticalSectionAndSpinCount "
	 "InitializeSListHead>NTDLL.RtlInitializeSListHead IsDebuggerPresent "
	 "IsProcessorFeaturePresent IsValidCodePage IsWow64Process LCMapStringW "
	 "LeaveCriticalSection>NTDLL.RtlLeaveCriticalSection LoadLibraryA LoadLibraryExW "
	 "LoadLibraryW LoadResource LocalAlloc LocalFree LockResource MapViewOfFile MoveFileExW "
	 "MulDiv MultiByteToWideChar OpenEventW OpenMutexW OpenProcess OutputDebugStringA "
	 "OutputDebugStringW Process32FirstW Process32NextW QueryPerformanceCounter "
	 "QueryPerformanceFrequency RaiseException ReadFile ReadProcessMemory ReleaseMutex "
	 "ReleaseSRWLockExclusive>NTDLL.RtlReleaseSRWLockExclusive ResetEvent ResumeThread "
	 "RtlCaptureContext RtlLookupFunctionEntry RtlPcToFileHeader RtlUnwindEx "
	 "RtlVirtualUnwind>NTDLL.RtlVirtualUnwind SetEndOfFile SetErrorMode SetEvent "
	 "SetFileAttributesW SetFilePointer SetFilePointerEx SetHandleCount SetLastError "
	 "SetStdHandle SetThreadContext SetUnhandledExceptionFilter SizeofResource Sleep "
	 "SystemTimeToFileTime TerminateProcess TlsAlloc TlsFree TlsGetValue TlsSetValue "
	 "UnhandledExceptionFilter UnmapViewOfFile VirtualAlloc VirtualAllocEx VirtualFree "
	 "VirtualProtect VirtualProtectEx VirtualQuery WaitForMultipleObjects "
	 "WaitForSingleObject WideCharToMultiByte WinExec WriteConsoleW WriteFile "
	 "WriteProcessMemory lstrcatA lstrcmpiW lstrcpyA lstrlenA lstrlenW "
	 "-SetProcessPriorityBoost -SetWaitableTimer",
	 "KERNELBASE.dll:55 ntdll.dll:45"},
	{"msvcrt.dll",
	 "_XcptFilter __C_specific_handler __getmainargs __set_app_type __setusermatherr "
	 "__wgetmainargs _amsg_exit _cexit _exit _initterm _onexit _purecall _snwprintf "
	 "_stricmp _vsnprintf _wcsicmp _wcsnicmp abort atoi calloc exit fclose fflush fopen "
	 "fprintf fread free fwrite getenv isdigit malloc memcpy memmove memset printf qsort "
	 "rand realloc sprintf srand strchr strcmp strcpy strlen strncpy strrchr strstr strtol "
	 "time tolower toupper vfprintf wcschr wcscmp wcscpy wcslen wcsrchr wcsstr wcstol "
	 "=_acmdln =_commode =_fmode",
	 "KERNEL32.dll:30 ntdll.dll:14"},
	{"ucrtbase.dll",
	 "__stdio_common_vfprintf __stdio_common_vsprintf _c_exit _cexit _configthreadlocale "
	 "_configure_wide_argv _crt_atexit _errno _exit _get_initial_wide_environment _initterm "
	 "_initterm_e _initialize_onexit_table _initialize_wide_environment "
	 "_register_onexit_function _register_thread_local_exe_atexit_callback _seh_filter_exe "
	 "_set_app_type _set_fmode _set_new_mode _wcsicmp abort calloc exit free malloc memset "
	 "realloc terminate wcscpy_s wcslen",
	 "api-ms-win-core-heap-l1-1-0.dll!HeapFree "
	 "api-ms-win-core-processthreads-l1-1-0.dll!TerminateProcess "
	 "api-ms-win-core-synch-l1-1-0.dll!SetEvent api-ms-win-core-file-l1-1-0.dll!WriteFile "
	 "KERNELBASE.dll:20 ntdll.dll:10"},
	{"RPCRT4.dll",
	 "I_RpcMapWin32Status NdrClientCall2 NdrClientCall3 NdrServerCall2 NdrServerCallAll "
	 "RpcBindingFree RpcBindingFromStringBindingW RpcBindingSetAuthInfoExW "
	 "RpcImpersonateClient RpcRaiseException RpcRevertToSelf RpcServerInqCallAttributesW "
	 "RpcServerListen RpcServerRegisterIf3 RpcServerRegisterIfEx RpcServerUnregisterIf "
	 "RpcServerUseProtseqEpW RpcStringBindingComposeW RpcStringFreeW UuidCreate "
	 "UuidFromStringW UuidToStringW",
	 "ntdll.dll:30 KERNELBASE.dll:25"},
	{"sechost.dll",
	 "CloseServiceHandle ControlService ControlTraceW CreateServiceW CredFree CredReadW "
	 "EventAccessControl LookupAccountSidLocalW LsaOpenPolicy OpenSCManagerW OpenServiceW "
	 "QueryServiceStatusEx RegisterServiceCtrlHandlerExW SetServiceStatus "
	 "StartServiceCtrlDispatcherW StartServiceW",
	 "RPCRT4.dll:8 ntdll.dll:25 KERNELBASE.dll:20"},
	{"ADVAPI32.dll",
	 "AdjustTokenPrivileges AllocateAndInitializeSid "
	 "CloseServiceHandle>SECHOST.CloseServiceHandle ControlService>SECHOST.ControlService "
	 "ConvertSidToStringSidW CreateProcessAsUserW CreateServiceW>SECHOST.CreateServiceW "
	 "CryptAcquireContextW CryptCreateHash CryptDecrypt CryptDestroyHash CryptDestroyKey "
	 "CryptEncrypt CryptGenRandom CryptGetHashParam CryptHashData CryptImportKey "
	 "CryptReleaseContext DuplicateTokenEx EqualSid EventRegister>NTDLL.EtwEventRegister "
	 "EventUnregister>NTDLL.EtwEventUnregister EventWrite>NTDLL.EtwEventWrite FreeSid "
	 "GetTokenInformation GetUserNameA GetUserNameW ImpersonateLoggedOnUser "
	 "InitializeSecurityDescriptor LookupAccountSidW LookupPrivilegeValueW "
	 "OpenProcessToken OpenSCManagerW>SECHOST.OpenSCManagerW OpenThreadToken RegCloseKey "
	 "RegCreateKeyExA RegCreateKeyExW RegDeleteKeyW RegDeleteValueW RegEnumKeyExW "
	 "RegEnumValueW RegOpenKeyExA RegOpenKeyExW RegQueryInfoKeyW RegQueryValueExA "
	 "RegQueryValueExW RegSetValueExA RegSetValueExW RevertToSelf "
	 "SetSecurityDescriptorDacl StartServiceW>SECHOST.StartServiceW",
	 "msvcrt.dll:14 sechost.dll:6 RPCRT4.dll:5 KERNEL32.dll:40 KERNELBASE.dll:12 ntdll.dll:40"},
	{"GDI32.dll",
	 "BitBlt CreateCompatibleBitmap CreateCompatibleDC CreateDIBSection CreateFontIndirectW "
	 "CreatePen CreateSolidBrush DeleteDC DeleteObject ExtTextOutW GetDIBits GetDeviceCaps "
	 "GetObjectW GetStockObject GetTextExtentPoint32W GetTextMetricsW LineTo MoveToEx PatBlt "
	 "Rectangle SelectObject SetBkColor SetBkMode SetTextColor StretchBlt TextOutW",
	 "KERNEL32.dll:20 ntdll.dll:18 USER32.dll:6"},
	{"USER32.dll",
	 "AppendMenuW BeginPaint CallNextHookEx CallWindowProcW CharNextW CharUpperW "
	 "ClientToScreen CreateMenu CreatePopupMenu CreateWindowExA CreateWindowExW "
	 "DefWindowProcA>NTDLL.NtdllDefWindowProc_A DefWindowProcW DestroyIcon DestroyMenu "
	 "DestroyWindow "
	 "DialogBoxParamW DispatchMessageA DispatchMessageW DrawTextW EnableMenuItem "
	 "EnableWindow EndDialog EndPaint EnumWindows FillRect FindWindowW GetAsyncKeyState "
	 "GetClientRect GetCursorPos GetDC GetDesktopWindow GetDlgItem GetForegroundWindow "
	 "GetKeyState GetMessageA GetMessageW GetParent GetSystemMetrics GetWindowLongPtrW "
	 "GetWindowRect GetWindowTextW GetWindowThreadProcessId InvalidateRect IsWindow "
	 "KillTimer LoadCursorW LoadIconW LoadImageW LoadStringW MessageBoxA MessageBoxW "
	 "MoveWindow PeekMessageW PostMessageW PostQuitMessage RegisterClassExW ReleaseDC "
	 "SendMessageW SetCapture SetCursor SetDlgItemTextW SetFocus SetForegroundWindow "
	 "SetTimer SetWindowLongPtrW SetWindowPos SetWindowTextW SetWindowsHookExW ShowWindow "
	 "SystemParametersInfoW TrackPopupMenu TranslateMessage UnhookWindowsHookEx "
	 "UpdateWindow wsprintfA wsprintfW",
	 "ntdll.dll:40 KERNEL32.dll:35 GDI32.dll:14 ADVAPI32.dll:8"},
	{"combase.dll",
	 "CoCreateGuid CoCreateInstance CoGetMalloc CoInitializeEx CoRevokeClassObject "
	 "CoTaskMemAlloc CoTaskMemFree CoTaskMemRealloc CoUninitialize CLSIDFromString "
	 "PropVariantClear StringFromGUID2 WindowsCreateString WindowsDeleteString",
	 "ntdll.dll:30 KERNELBASE.dll:30 RPCRT4.dll:9 ucrtbase.dll:9"},
	{"ole32.dll",
	 "CLSIDFromString>COMBASE.CLSIDFromString CoCreateInstance>COMBASE.CoCreateInstance "
	 "CoInitialize CoInitializeEx>COMBASE.CoInitializeEx CoInitializeSecurity "
	 "CoTaskMemAlloc>COMBASE.CoTaskMemAlloc CoTaskMemFree>COMBASE.CoTaskMemFree "
	 "CoUninitialize>COMBASE.CoUninitialize CreateStreamOnHGlobal OleInitialize "
	 "OleUninitialize PropVariantClear>COMBASE.PropVariantClear ReleaseStgMedium",
	 "combase.dll:9 KERNEL32.dll:20 ntdll.dll:12 USER32.dll:8 GDI32.dll:6"},
	{"OLEAUT32.dll",
	 "#2 #4 #6 #7 #8 #9 #10 #12 #15 #16 #19 #20 #23 #24 #25 #26 #149 #150 #161 #183 #200 #201",
	 "ole32.dll:6 combase.dll:5 KERNEL32.dll:20 msvcrt.dll:9"},
	{"WS2_32.dll",
	 "#1 #2 #3 #4 #5 #6 #7 #8 #9 #10 #11 #12 #13 #14 #15 #16 #17 #18 #19 #20 #21 #22 #23 "
	 "#51 #52 #57 #111 #112 #115 #116 #151 FreeAddrInfoW GetAddrInfoW InetNtopW InetPtonW "
	 "WSACloseEvent WSAConnect WSACreateEvent WSAEventSelect WSAIoctl WSARecv WSASend "
	 "WSASocketA WSASocketW freeaddrinfo getaddrinfo inet_ntop inet_pton",
	 "RPCRT4.dll:4 ntdll.dll:20 KERNELBASE.dll:22"},
	{"CRYPT32.dll",
	 "CertCloseStore CertFindCertificateInStore CertFreeCertificateContext "
	 "CertGetCertificateChain CertGetNameStringW CertOpenStore CertOpenSystemStoreW "
	 "CertVerifyCertificateChainPolicy CryptBinaryToStringW CryptDecodeObjectEx "
	 "CryptProtectData CryptStringToBinaryW CryptUnprotectData",
	 "KERNEL32.dll:30 ntdll.dll:10 ADVAPI32.dll:10 msvcrt.dll:6 delay:RPCRT4.dll:3"},
	{"SHELL32.dll",
	 "CommandLineToArgvW DragQueryFileW ExtractIconExW SHBrowseForFolderW SHFileOperationW "
	 "SHGetFileInfoW SHGetFolderPathW SHGetKnownFolderPath SHGetPathFromIDListW "
	 "SHGetSpecialFolderPathW ShellExecuteA ShellExecuteExW ShellExecuteW Shell_NotifyIconW "
	 "#680 #18",
	 "msvcrt.dll:12 KERNEL32.dll:50 ADVAPI32.dll:12 USER32.dll:40 GDI32.dll:14 ole32.dll:5 "
	 "delay:CRYPT32.dll:2"},
	{"SHLWAPI.dll",
	 "PathAppendW PathCombineW PathFileExistsW PathFindExtensionW PathFindFileNameW "
	 "PathRemoveFileSpecW SHDeleteKeyW SHGetValueW StrCmpIW StrStrIW UrlEscapeW #176 #437",
	 "KERNEL32.dll:25 ADVAPI32.dll:6 USER32.dll:8 GDI32.dll:3 msvcrt.dll:5"},
	{"WININET.dll",
	 "DeleteUrlCacheEntryW HttpAddRequestHeadersW HttpOpenRequestA HttpOpenRequestW "
	 "HttpQueryInfoW HttpSendRequestA HttpSendRequestW InternetCloseHandle InternetConnectA "
	 "InternetConnectW InternetCrackUrlW InternetGetConnectedState InternetOpenA "
	 "InternetOpenUrlA InternetOpenW InternetQueryOptionW InternetReadFile "
	 "InternetSetOptionW",
	 "KERNEL32.dll:40 ADVAPI32.dll:12 SHLWAPI.dll:5 ntdll.dll:8 WS2_32.dll#115=wsastartup "
	 "WS2_32.dll#23=socket WS2_32.dll#4=connect"},
	{"CRYPTBASE.dll", "SystemFunction001 SystemFunction036 SystemFunction040",
	 "ntdll.dll:9 KERNELBASE.dll:7"},
	{"smss.exe", "", "ntdll.dll:45"},
	{"csrss.exe", "", "ntdll.dll:14"},
	{"wininit.exe", "",
	 "msvcrt.dll:12 KERNEL32.dll:30 ntdll.dll:12 ADVAPI32.dll:8 RPCRT4.dll:6"},
	{"services.exe", "",
	 "msvcrt.dll:12 ntdll.dll:30 RPCRT4.dll:12 sechost.dll:4 KERNEL32.dll:40 CRYPTBASE.dll:1"},
	{"lsass.exe", "", "ntdll.dll:22 KERNEL32.dll:12 RPCRT4.dll:5 CRYPTBASE.dll:2 msvcrt.dll:8"},
	{"svchost.exe", "",
	 "api-ms-win-crt-runtime-l1-1-0.dll!_initterm api-ms-win-crt-runtime-l1-1-0.dll!_cexit "
	 "api-ms-win-core-processthreads-l1-1-0.dll!TerminateProcess "
	 "api-ms-win-core-synch-l1-1-0.dll!SetEvent "
	 "api-ms-win-core-heap-l1-1-0.dll!HeapFree "
	 "api-ms-win-service-core-l1-1-0.dll!StartServiceCtrlDispatcherW "
	 "RPCRT4.dll:9 ntdll.dll:18"},
	{"winlogon.exe", "",
	 "msvcrt.dll:14 KERNEL32.dll:40 ADVAPI32.dll:12 USER32.dll:30 RPCRT4.dll:8"},
	{"explorer.exe", "",
	 "msvcrt.dll:20 KERNEL32.dll:70 USER32.dll:50 GDI32.dll:16 ADVAPI32.dll:14 SHELL32.dll:9 "
	 "SHLWAPI.dll:8 ole32.dll:8 OLEAUT32.dll#2=sysallocstring OLEAUT32.dll#6=sysfreestring "
	 "OLEAUT32.dll#9=variantclear delay:WININET.dll:4"},
	{"cmd.exe", "", "msvcrt.dll:30 KERNEL32.dll:60 ntdll.dll:12 KERNELBASE.dll:9"},
	{"notepad.exe", "",
	 "ADVAPI32.dll:6 KERNEL32.dll:40 GDI32.dll:16 USER32.dll:50 msvcrt.dll:18 "
	 "SHELL32.dll:6 ole32.dll:4 OLEAUT32.dll#2=sysallocstring"},
	/* what a demonstration finds: a downloader and the DLL it brings along */
	{"invoice.exe", "",
	 "KERNEL32.dll!VirtualAllocEx KERNEL32.dll!WriteProcessMemory "
	 "KERNEL32.dll!CreateRemoteThread KERNEL32.dll!HeapAlloc "
	 "KERNEL32.dll!EnterCriticalSection KERNEL32.dll:30 WININET.dll:9 ADVAPI32.dll:12 "
	 "WS2_32.dll#115=wsastartup WS2_32.dll#23=socket WS2_32.dll#4=connect "
	 "WS2_32.dll#19=send WS2_32.dll#16=recv WS2_32.dll#3=closesocket SHELL32.dll:3"},
	{"helper.dll", "Run Stop",
	 "KERNEL32.dll!HeapAlloc KERNEL32.dll!HeapSize KERNEL32.dll:24 ADVAPI32.dll:7 "
	 "WS2_32.dll#115=wsastartup WS2_32.dll#116=wsacleanup WS2_32.dll#57=gethostname "
	 "USER32.dll:5 OLEAUT32.dll#8=variantinit"},
	/* runtimes of .NET */
	{"clr.dll", "CreateApplicationContext DllUnregisterServerInternal", "KERNEL32.dll:40"},
	{"coreclr.dll", "coreclr_execute_assembly coreclr_initialize", "KERNEL32.dll:44"},
	{"mscorwks.dll", "CorExitProcess GetCLRFunction", "KERNEL32.dll:38 ADVAPI32.dll:6"},
	{"mono-2.0-bdwgc.dll", "mono_jit_init mono_assembly_open", "KERNEL32.dll:36"},
	{"bundle.exe", "CLRJitAttachState DotNetRuntimeInfo g_CLREngineMetrics",
	 "KERNEL32.dll:50 ADVAPI32.dll:9"},
	/* what is injected, one file a case, so that none is taken for another */
	{"beacon.dll", "ReflectiveLoader",
	 "KERNEL32.dll:34 ADVAPI32.dll:9 WININET.dll:11 WS2_32.dll#115=wsastartup "
	 "WS2_32.dll#23=socket WS2_32.dll#9=htons"},
	{"stage.dll", "ReflectiveLoader Start", "KERNEL32.dll:22 USER32.dll:4 WININET.dll:6"},
	{"keylog.dll", "Install", "USER32.dll:18 KERNEL32.dll:20 GDI32.dll:7"},
	{"inject.dll", "Run", "KERNEL32.dll:28 ADVAPI32.dll:11"},
	{"blob.dll", "Entry", "KERNEL32.dll:17 ntdll.dll:9 WS2_32.dll#4=connect"},
	{"view.dll", "Entry Leave", "KERNEL32.dll:21 ADVAPI32.dll:5 RPCRT4.dll:3"},
	{"payload.exe", "", "KERNEL32.dll:45 ADVAPI32.dll:13 WININET.dll:7 SHELL32.dll:2"},
	{"miner.exe", "",
	 "KERNEL32.dll:37 WS2_32.dll#115=wsastartup WS2_32.dll#16=recv "
	 "msvcrt.dll:21"},
	{"dropped.dll", "DllInstall", "KERNEL32.dll:19 ole32.dll:3"},
	{"tap.dll", "ReflectiveLoader", "KERNEL32.dll:26 USER32.dll:9 WS2_32.dll#19=send"},
	{"bridge.dll", "Cross", "ntdll.dll:24"},
	{"client32.exe", "",
	 "KERNEL32.dll:33 USER32.dll:14 ADVAPI32.dll:7 WS2_32.dll#115=wsastartup"},
	{"rootkit.exe", "", "KERNEL32.dll:31 ADVAPI32.dll:16 ntdll.dll:12"},
	{"ghost.exe", "", "KERNEL32.dll:29 USER32.dll:6 WININET.dll:8"},
	{"update.exe", "", "KERNEL32.dll:25 USER32.dll:5"},
	/* what is packed, and what loses its import names or its address table */
	{"unpacked.exe", "",
	 "KERNEL32.dll:42 USER32.dll:15 ADVAPI32.dll:9 WS2_32.dll#115=wsastartup "
	 "WS2_32.dll#23=socket WS2_32.dll#4=connect SHELL32.dll:3 ntdll.dll:6"},
	{"hooked.dll", "Install", "KERNEL32.dll:34 ntdll.dll:14 ADVAPI32.dll:12"},
	{"lazy.dll", "Load",
	 "KERNEL32.dll:22 USER32.dll:6 delay:WININET.dll:9 delay:CRYPT32.dll:6"},
	{"bound.dll", "Bind", "KERNEL32.dll:20 USER32.dll:10"},
	{"vendor.dll", "VendorClose VendorOpen #40 #41 #52", "KERNEL32.dll:8"},
	{"numbers.dll", "Count",
	 "WS2_32.dll#115=wsastartup WS2_32.dll#23=socket WS2_32.dll#4=connect "
	 "OLEAUT32.dll#2=sysallocstring OLEAUT32.dll#6=sysfreestring vendor.dll#40=ord40 "
	 "vendor.dll#52=ord52 vendor.dll!VendorOpen KERNEL32.dll:12"},
	{"contract.dll", "Sign",
	 "api-ms-win-core-heap-l1-1-0.dll!HeapFree api-ms-win-core-file-l1-1-0.dll!WriteFile "
	 "api-ms-win-vendor-open-l1-1-0.dll!VendorOpen "
	 "api-ms-win-vendor-open-l1-1-0.dll!VendorClose KERNELBASE.dll:9"},
	{"filter.sys", "", "ntoskrnl.exe:40 hal.dll:5 fltmgr.sys:8"},
	{"wow64.dll", "Wow64LdrpInitialize Wow64SystemServiceEx Wow64AllocateTemp", "ntdll.dll:30"},
	{"wow64win.dll", "sdwhnt32JumpTable", "ntdll.dll:12"},
	{"wow64cpu.dll", "CpuSimulate CpuThreadInit CpuGetContext", "ntdll.dll:7"},
	{"ntoskrnl.exe",
	 "DbgPrint ExAcquireFastMutex ExAllocatePool ExAllocatePoolWithTag ExFreePool "
	 "ExFreePoolWithTag ExInitializeResourceLite ExReleaseFastMutex FsRtlIsNameInExpression "
	 "IoAllocateIrp IoAllocateMdl IoAttachDeviceToDeviceStack IoBuildDeviceIoControlRequest "
	 "IoCompleteRequest IoCreateDevice IoCreateSymbolicLink IoDeleteDevice "
	 "IoDeleteSymbolicLink IoDetachDevice IoFreeIrp IoFreeMdl IoGetCurrentProcess "
	 "IoGetDeviceObjectPointer IoRegisterShutdownNotification IofCallDriver "
	 "IofCompleteRequest KeAcquireSpinLockRaiseToDpc KeBugCheckEx KeCancelTimer "
	 "KeClearEvent KeDelayExecutionThread KeEnterCriticalRegion KeGetCurrentIrql "
	 "KeInitializeDpc KeInitializeEvent KeInitializeMutex KeInitializeSpinLock "
	 "KeInitializeTimerEx KeLeaveCriticalRegion KeQuerySystemTime KeReleaseMutex "
	 "KeReleaseSpinLock KeResetEvent KeSetEvent KeSetTimer KeStackAttachProcess "
	 "KeUnstackDetachProcess KeWaitForMultipleObjects KeWaitForSingleObject "
	 "MmBuildMdlForNonPagedPool MmGetSystemRoutineAddress MmMapLockedPagesSpecifyCache "
	 "MmMapIoSpace MmProbeAndLockPages MmUnlockPages MmUnmapIoSpace NtClose NtCreateFile "
	 "NtQueryInformationFile NtReadFile NtWriteFile ObOpenObjectByPointer "
	 "ObReferenceObjectByHandle ObReferenceObjectByName ObfDereferenceObject "
	 "ObfReferenceObject PoStartNextPowerIrp PsCreateSystemThread PsGetCurrentProcessId "
	 "PsGetCurrentThreadId PsGetProcessId PsGetVersion PsLookupProcessByProcessId "
	 "PsSetCreateProcessNotifyRoutine PsSetLoadImageNotifyRoutine PsTerminateSystemThread "
	 "RtlAnsiStringToUnicodeString RtlCompareUnicodeString RtlCopyUnicodeString "
	 "RtlFreeUnicodeString RtlGetVersion RtlInitAnsiString RtlInitUnicodeString "
	 "SeAccessCheck ZwClose ZwCreateFile ZwCreateKey ZwOpenFile ZwOpenKey ZwQueryValueKey "
	 "ZwReadFile ZwSetValueKey ZwWriteFile _stricmp _wcsicmp memcpy memmove memset strncpy "
	 "wcslen =InitSafeBootMode",
	 ""},
	{"hal.dll",
	 "HalAllocateCommonBuffer HalGetAdapter HalGetBusDataByOffset HalMakeBeep "
	 "HalSetBusDataByOffset HalTranslateBusAddress KeAcquireInStackQueuedSpinLock "
	 "KeFlushWriteBuffer KeQueryPerformanceCounter KeRaiseIrqlToDpcLevel "
	 "KeReleaseInStackQueuedSpinLock KeStallExecutionProcessor READ_PORT_UCHAR "
	 "WRITE_PORT_UCHAR",
	 "ntoskrnl.exe:24"},
	{"fltmgr.sys",
	 "FltAllocateContext FltClose FltCloseClientPort FltCreateCommunicationPort FltCreateFile "
	 "FltGetFileNameInformation FltParseFileNameInformation FltReadFile "
	 "FltRegisterFilter FltReleaseContext FltReleaseFileNameInformation FltSendMessage "
	 "FltStartFiltering FltUnregisterFilter FltWriteFile",
	 "ntoskrnl.exe:50 hal.dll:3"},
	{"Ntfs.sys", "", "ntoskrnl.exe:70 hal.dll:2 fltmgr.sys:2"},
	{"NDIS.SYS",
	 "NdisAllocateMemoryWithTagPriority NdisFreeMemory NdisMRegisterMiniportDriver "
	 "NdisMSetMiniportAttributes NdisMSleep NdisOpenAdapterEx NdisRegisterProtocolDriver",
	 "ntoskrnl.exe:55 hal.dll:4"},
	{"tcpip.sys", "IPRegisterProtocol TCPEntry", "ntoskrnl.exe:60 NDIS.SYS:5 hal.dll:2"},
	{"afd.sys", "", "ntoskrnl.exe:45 hal.dll:2"},
	{"win32k.sys", "EngBitBlt EngCreateBitmap EngLockSurface", "ntoskrnl.exe:60 hal.dll:1"},
	{"monitor.sys", "", "ntoskrnl.exe:20"},
};

const struct catalog_module *catalog_find(const char *name)
{
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		if (util_same_name(modules[i].name, name))
			return &modules[i];
	}
	return NULL;
}

void catalog_each_word(const char *words, void (*call)(const char *word, void *data), void *data)
{
	char *copy = util_strdup(words), *rest = copy;
	for (char *word; (word = strsep(&rest, " "));) {
		if (*word)
			call(word, data);
	}
	free(copy);
}

struct build {
	struct pe_builder *builder;
	struct util_random random;
	char **imports;
	size_t count, capacity;
	char **drawn; /* exports of the DLL that functions are being drawn from */
	size_t drawn_count, drawn_capacity;
};

static void add_export(const char *word, void *data)
{
	struct build *build = data;
	char name[128];
	const char *target = strchr(word, '>');
	word += *word == '-';
	if (*word == '#') {
		pe_builder_export_ordinal_only(build->builder,
					       (uint16_t)strtoul(word + 1, NULL, 10));
	} else if (*word == '=') {
		pe_builder_export_data(build->builder, word + 1, 16);
	} else if (target) {
		snprintf(name, sizeof(name), "%.*s", (int)(target - word), word);
		pe_builder_export_forward(build->builder, name, target + 1);
	} else {
		pe_builder_export(build->builder, word);
	}
}

/* "KERNEL32.dll", "HeapAlloc" as the import hash has it: "kernel32.heapalloc". */
static void note_import(struct build *build, const char *dll, const char *function)
{
	char *text = util_printf("%s", dll);
	char *dot = strrchr(text, '.');
	if (dot &&
	    (!strcasecmp(dot, ".dll") || !strcasecmp(dot, ".sys") || !strcasecmp(dot, ".ocx")))
		*dot = '\0';
	char *line = util_printf("%s.%s", text, function);
	for (char *c = line; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	free(text);
	*util_push(build->imports, build->count, build->capacity) = line;
}

static void collect_export(const char *word, void *data)
{
	struct build *build = data;
	if (*word == '#' || *word == '-')
		return;
	const char *name = *word == '=' ? word + 1 : word;
	*util_push(build->drawn, build->drawn_count, build->drawn_capacity) =
		util_printf("%.*s", (int)strcspn(name, ">"), name);
}

/* So many functions of a DLL, none twice, in a random order. */
static void draw_imports(struct build *build, const char *dll, size_t wanted, bool delay)
{
	const struct catalog_module *module = catalog_find(dll);
	if (!module)
		util_die("the catalog has no %s to import from", dll);
	catalog_each_word(module->exports, collect_export, build);
	for (size_t i = 0; i < build->drawn_count; i++) {
		if (i < wanted) {
			size_t j = i + util_random_below(&build->random, build->drawn_count - i);
			char *swap = build->drawn[i];
			build->drawn[i] = build->drawn[j];
			build->drawn[j] = swap;
			if (delay) {
				pe_builder_delay_import(build->builder, dll, build->drawn[i]);
			} else {
				pe_builder_import(build->builder, dll, build->drawn[i]);
				note_import(build, dll, build->drawn[i]);
			}
		}
	}
	for (size_t i = 0; i < build->drawn_count; i++)
		free(build->drawn[i]);
	build->drawn_count = 0;
}

static void add_import(const char *word, void *data)
{
	struct build *build = data;
	bool delay = !strncmp(word, "delay:", 6);
	if (delay)
		word += 6;
	size_t length = strcspn(word, ":#!");
	char *dll = util_printf("%.*s", (int)length, word);
	const char *rest = word + length + 1;
	switch (word[length]) {
	case '#':
		pe_builder_import_ordinal(build->builder, dll, (uint16_t)strtoul(rest, NULL, 10));
		note_import(build, dll, strchr(rest, '=') + 1);
		break;
	case '!':
		pe_builder_import(build->builder, dll, rest);
		note_import(build, dll, rest);
		break;
	default:
		draw_imports(build, dll, strtoul(rest, NULL, 10), delay);
		break;
	}
	free(dll);
}

uint8_t *catalog_build(const struct catalog_module *module, bool pe32_plus, size_t *size,
		       char ***imports, size_t *import_count)
{
	const char *dot = strrchr(module->name, '.');
	bool program = dot && !strcasecmp(dot, ".exe");
	struct build build = {
		.builder = pe_builder_new(pe32_plus, !program, module->name),
		.random = {util_hash(module->name)},
	};
	uint32_t number = (uint32_t)util_random(&build.random);
	/* sizes differ from file to file, as they do in Windows */
	pe_builder_room(build.builder, 0xa000 + number % 0x23 * 0x1000,
			0x1000 + number % 0xb * 0x1000);
	pe_builder_time_date_stamp(build.builder, number);
	if (dot && !strcasecmp(dot, ".sys"))
		pe_builder_subsystem(build.builder, 1);
	catalog_each_word(module->exports, add_export, &build);
	catalog_each_word(module->imports, add_import, &build);
	pe_builder_code(build.builder, 0x1000 + number % 0x6000, number);
	uint8_t guid[16];
	for (size_t i = 0; i < sizeof(guid); i++)
		guid[i] = (uint8_t)util_random(&build.random);
	char *pdb = util_printf("%.*s.pdb", (int)(dot - module->name), module->name);
	pe_builder_pdb(build.builder, guid, 1, pdb);
	uint8_t *data = pe_builder_build(build.builder, size);
	pe_builder_free(build.builder);
	free(pdb);
	free(build.drawn);
	*imports = build.imports;
	*import_count = build.count;
	return data;
}
