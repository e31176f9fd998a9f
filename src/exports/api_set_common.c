/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The built-in table of hosts of common API sets, for processes whose schema can't be read. It goes
 * by the beginning of the name, since most API sets of a family have one host; the longest
 * beginning that fits is used. From Microsoft's lists "Windows API sets" and "Windows umbrella
 * libraries" (learn.microsoft.com/windows/win32/apiindex), and the schema of Windows 10.
 */
#include "exports/api_set_common.h"

#include <stddef.h>
#include <string.h>

#include <impscan/bytes.h>

static const struct {
	const char *start;
	const char *host;
} common[] = {
	{"api-ms-win-core-", "kernelbase.dll"},
	{"api-ms-win-core-com-", "combase.dll"},
	{"api-ms-win-core-comm-", "kernelbase.dll"},
	{"api-ms-win-core-crt-", "ntdll.dll"},
	{"api-ms-win-core-marshal-", "combase.dll"},
	{"api-ms-win-core-kernel32-legacy-", "kernel32.dll"},
	{"api-ms-win-core-kernel32-private-", "kernel32.dll"},
	{"api-ms-win-core-job-l2-", "kernel32.dll"},
	{"api-ms-win-core-rtlsupport-", "ntdll.dll"},
	{"api-ms-win-core-toolhelp-", "kernel32.dll"},
	{"api-ms-win-core-ums-", "kernel32.dll"},
	{"api-ms-win-core-winrt-", "combase.dll"},
	{"api-ms-win-core-winrt-robuffer-", "wintypes.dll"},
	{"api-ms-win-core-winrt-errorprivate-", "combase.dll"},
	{"api-ms-win-core-xstate-l1-", "ntdll.dll"},
	{"api-ms-win-crt-", "ucrtbase.dll"},
	{"api-ms-win-devices-config-", "cfgmgr32.dll"},
	{"api-ms-win-devices-query-", "cfgmgr32.dll"},
	{"api-ms-win-downlevel-advapi32-", "kernelbase.dll"},
	{"api-ms-win-downlevel-kernel32-", "kernel32.dll"},
	{"api-ms-win-downlevel-normaliz-", "kernelbase.dll"},
	{"api-ms-win-downlevel-ole32-", "combase.dll"},
	{"api-ms-win-downlevel-shell32-", "shcore.dll"},
	{"api-ms-win-downlevel-shlwapi-", "kernelbase.dll"},
	{"api-ms-win-downlevel-user32-", "kernelbase.dll"},
	{"api-ms-win-downlevel-version-", "kernelbase.dll"},
	{"api-ms-win-dx-d3dkmt-", "gdi32.dll"},
	{"api-ms-win-eventing-classicprovider-", "kernelbase.dll"},
	{"api-ms-win-eventing-consumer-", "sechost.dll"},
	{"api-ms-win-eventing-controller-", "sechost.dll"},
	{"api-ms-win-eventing-legacy-", "advapi32.dll"},
	{"api-ms-win-eventing-obsolete-", "sechost.dll"},
	{"api-ms-win-eventing-provider-", "kernelbase.dll"},
	{"api-ms-win-eventlog-", "advapi32.dll"},
	{"api-ms-win-gdi-", "gdi32.dll"},
	{"api-ms-win-http-time-", "kernelbase.dll"},
	{"api-ms-win-mm-", "winmm.dll"},
	{"api-ms-win-mm-mme-", "winmmbase.dll"},
	{"api-ms-win-net-isolation-", "firewallapi.dll"},
	{"api-ms-win-ntuser-", "user32.dll"},
	{"api-ms-win-ntuser-dc-access-", "user32.dll"},
	{"api-ms-win-power-base-", "powrprof.dll"},
	{"api-ms-win-power-setting-", "powrprof.dll"},
	{"api-ms-win-rtcore-ntuser-", "user32.dll"},
	{"api-ms-win-security-", "sechost.dll"},
	{"api-ms-win-security-appcontainer-", "kernelbase.dll"},
	{"api-ms-win-security-base-", "kernelbase.dll"},
	{"api-ms-win-security-cryptoapi-", "cryptsp.dll"},
	{"api-ms-win-security-grouppolicy-", "kernelbase.dll"},
	{"api-ms-win-security-provider-", "advapi32.dll"},
	{"api-ms-win-service-", "sechost.dll"},
	{"api-ms-win-shcore-", "shcore.dll"},
	{"api-ms-win-shell-", "shell32.dll"},
	{"api-ms-win-shell-shellcom-", "kernelbase.dll"},
	{"api-ms-win-stateseparation-helpers-", "kernelbase.dll"},
	{"ext-ms-win-advapi32-", "advapi32.dll"},
	{"ext-ms-win-com-", "combase.dll"},
	{"ext-ms-win-com-ole32-", "ole32.dll"},
	{"ext-ms-win-gdi-", "gdi32full.dll"},
	{"ext-ms-win-kernel32-", "kernel32.dll"},
	{"ext-ms-win-kernelbase-", "kernelbase.dll"},
	{"ext-ms-win-ntuser-", "user32.dll"},
	{"ext-ms-win-ole32-", "ole32.dll"},
	{"ext-ms-win-oleacc-", "oleacc.dll"},
	{"ext-ms-win-rtcore-gdi-", "gdi32full.dll"},
	{"ext-ms-win-rtcore-ntuser-", "user32.dll"},
	{"ext-ms-win-session-", "winsta.dll"},
	{"ext-ms-win-setupapi-", "setupapi.dll"},
	{"ext-ms-win-shell32-", "shell32.dll"},
	{"ext-ms-win-shell-", "shell32.dll"},
	{"ext-ms-win-uiacore-", "uiautomationcore.dll"},
	{"ext-ms-win-wer-", "wer.dll"},
	{"ext-ms-windowscore-", "kernelbase.dll"},
};

const char *api_set_common_host(const char *name)
{
	const char *host = NULL;
	size_t best = 0;
	for (size_t i = 0; i < array_size(common); i++) {
		size_t length = strlen(common[i].start);
		if (length > best && !strncmp(name, common[i].start, length)) {
			host = common[i].host;
			best = length;
		}
	}
	return host;
}
