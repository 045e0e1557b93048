package config

import (
	"reflect"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sluice-ci/sluice/internal/results"
)

// checkProblems: each problem names a given setting and quotes its value.
func checkProblems(t *testing.T, data map[string]string, problems []SettingError) {
	t.Helper()
	for _, p := range problems {
		if value, given := data[p.Key]; !given || p.Value != value || p.Want == "" || p.Used == "" && p.Key != keyManagedBy {
			t.Errorf("%v gave the problem %+v", data, p)
		}
	}
}

// FuzzParseFlags: for any ConfigMap, each flag is in range, and each invalid setting is reported.
func FuzzParseFlags(f *testing.F) {
	f.Add(keyResultsFrom, "sidecar-logs", keyMaxResultSize, "1572863")
	f.Add(keyMaxResultSize, "1572864", keyResultsFrom, "sidecar-log")
	f.Add(keyMaxResultSize, "0x10", keyCoschedule, "isolate-pipelinerun")
	f.Add(keyMaxResultSize, "99999999999999999999", keyKeepPod, "True")
	f.Add("_example", "x: [", keyAPIFields, "alpha")
	values := []ResultsFrom{TerminationMessage, SidecarLogs}
	f.Fuzz(func(t *testing.T, key, value, other, otherValue string) {
		data := map[string]string{key: value, other: otherValue}
		flags, problems := ParseFlags(data, values)
		checkProblems(t, data, problems)
		if flags.MaxResultSize < 1 || flags.MaxResultSize >= results.ObjectLimit {
			t.Errorf("%v gave a limit of %d bytes for a result", data, flags.MaxResultSize)
		}
		coschedule := []Coschedule{CoscheduleWorkspaces, CoschedulePipelineRuns, CoscheduleIsolate, CoscheduleDisabled}
		if !slices.Contains(values, flags.ResultsFrom) || !slices.Contains(coschedule, flags.Coschedule) {
			t.Errorf("%v gave %+v", data, flags)
		}
		for _, p := range problems {
			delete(data, p.Key)
		}
		if left, more := ParseFlags(data, values); left != flags || len(more) > 0 {
			t.Errorf("without what is refused, %v gave %+v and %v: want %+v", data, left, more, flags)
		}
	})
}

// FuzzParseDefaults: as FuzzParseFlags, and YAML documents cause no panic.
func FuzzParseDefaults(f *testing.F) {
	f.Add(keyTimeoutMinutes, "0", keyMatrix, "1")
	f.Add(keyTimeoutMinutes, "2147483648", keyMatrix, "0")
	f.Add(keyServiceAccount, "a b", keyManagedBy, "-x")
	f.Add(keyPodTemplate, "nodeSelector: {disk: ssd}\ntolerations: [{key: k}]", keyBinding, "emptyDir: {}")
	f.Add(keyPodTemplate, "securityContext: {runAsUser: 1e99}", keyBinding, "{name: w, emptyDir: {}}")
	f.Add(keyResources, "default: {limits: {cpu: 1}}\nprefix-x: {requests: {memory: 1Gi}}", keyPullTimeout, "5m")
	f.Add(keyResources, "? [a]\n: b", keyPullTimeout, "-1ns")
	f.Add(keyPodTemplate, "a: &a [*a]", keyResources, "<<: [x]")
	f.Fuzz(func(t *testing.T, key, value, other, otherValue string) {
		data := map[string]string{key: value, other: otherValue}
		defaults, problems := ParseDefaults(data)
		checkProblems(t, data, problems)
		if defaults.Timeout < 0 || defaults.ImagePullTimeout < 0 || defaults.MaxMatrixCombinations < 1 {
			t.Errorf("%v gave %+v", data, defaults)
		}
		if len(validation.IsValidLabelValue(defaults.ManagedBy)) > 0 || defaults.ManagedBy == "" {
			t.Errorf("%v gave the label %q", data, defaults.ManagedBy)
		}
		if account := defaults.ServiceAccount; account != "" && len(validation.IsDNS1123Subdomain(account)) > 0 {
			t.Errorf("%v gave the service account %q", data, account)
		}
		if b := defaults.WorkspaceBinding; b != nil && (b.Name != "" || sources(b) != 1) {
			t.Errorf("%v gave the binding %+v", data, b)
		}
		for _, p := range problems {
			delete(data, p.Key)
		}
		if left, more := ParseDefaults(data); !reflect.DeepEqual(left, defaults) || len(more) > 0 {
			t.Errorf("without what is refused, %v gave %+v and %v: want %+v", data, left, more, defaults)
		}
	})
}
