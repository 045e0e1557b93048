package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

func TestParseFlags(t *testing.T) {
	defaults := Default().Flags
	cases := map[string]struct {
		reason   string
		data     map[string]string
		want     Flags
		problems []string // parts of the texts of the problems
	}{
		"Empty":      {"no ConfigMap means the proposal's defaults", nil, Default().Flags, nil},
		"Sidecar":    {"the two flags together", map[string]string{"results-from": "sidecar-logs", "max-result-size": "1000000"}, flags(func(f *Flags) { f.ResultsFrom, f.MaxResultSize = SidecarLogs, 1000000 }), nil},
		"Typo":       {"a value that is nearly right is refused by name", map[string]string{"results-from": "sidecar-log"}, defaults, []string{`results-from: "sidecar-log" is not one of "sidecar-logs", "termination-message"`}},
		"EmptyValue": {"an empty value is not the default in disguise", map[string]string{"results-from": ""}, defaults, []string{`results-from: ""`}},
		"NotANumber": {"a word is not a size", map[string]string{"max-result-size": "ten"}, defaults, []string{`max-result-size: "ten"`}},
		"Unit":       {"units are not understood, so they must not be guessed", map[string]string{"max-result-size": "1Mi"}, defaults, []string{`max-result-size: "1Mi"`}},
		"Zero":       {"below the smallest size", map[string]string{"max-result-size": "0"}, defaults, []string{`max-result-size: "0"`}},
		"Negative":   {"below the smallest size", map[string]string{"max-result-size": "-1"}, defaults, []string{`max-result-size: "-1"`}},
		"One":        {"the smallest size", map[string]string{"max-result-size": "1"}, flags(func(f *Flags) { f.MaxResultSize = 1 }), nil},
		"Largest":    {"the largest size", map[string]string{"max-result-size": "1572863"}, flags(func(f *Flags) { f.MaxResultSize = 1572863 }), nil},
		"AtLimit":    {"1.5 MiB is what the whole object can hold, so no value can be that large", map[string]string{"max-result-size": "1572864"}, defaults, []string{`max-result-size: "1572864"`, `1572863`}},
		"TooLarge":   {"over the object's limit", map[string]string{"max-result-size": "2000000"}, defaults, []string{`max-result-size: "2000000"`, "using the default 4096"}},
		"BothWrong":  {"every problem is named, not only the first", map[string]string{"results-from": "x", "max-result-size": "y"}, defaults, []string{`results-from: "x"`, `max-result-size: "y"`}},
		"OneWrong":   {"a bad flag does not take a good one with it", map[string]string{"results-from": "sidecar-logs", "max-result-size": "y"}, flags(func(f *Flags) { f.ResultsFrom = SidecarLogs }), []string{`max-result-size: "y"`}},
		"PerRun":     {"an administrator may keep the choice", map[string]string{"enable-results-from-annotation": "false"}, flags(func(f *Flags) { f.ResultsFromPerRun = false }), nil},
		"Follow":     {"ends may be known sooner for one more container", map[string]string{"follow-every-task": "true"}, flags(func(f *Flags) { f.FollowEveryTask = true }), nil},
		"PerRunTypo": {"a word that is nearly a boolean is none", map[string]string{"enable-results-from-annotation": "no"}, defaults, []string{`enable-results-from-annotation: "no" is not "true" or "false"; using the default true`}},
		"Unknown":    {"flags of the peer are accepted", map[string]string{"enable-artifacts": "yes", "_example": "x"}, defaults, nil},
		"Switches": {"every switch, set to what is not its default", map[string]string{
			"keep-pod-on-cancel": "true", "await-sidecar-readiness": "false", "set-security-context": "true",
			"set-security-context-read-only-root-filesystem": "true", "disable-creds-init": "true",
			"require-git-ssh-secret-known-hosts": "true", "coschedule": "disabled", "enable-api-fields": "alpha", "embedded-status": "minimal",
		}, Flags{
			ResultsFrom: TerminationMessage, ResultsFromPerRun: true, MaxResultSize: 4096, KeepPodOnCancel: true, SecurityContext: true,
			ReadOnlyRootFilesystem: true, DisableCredentials: true, RequireKnownHosts: true, Coschedule: CoscheduleDisabled, Signing: defaultSigning(),
		}, nil},
		"Inline": {"kinds in which nothing is written out", map[string]string{"disable-inline-spec": "pipeline, taskrun,"}, flags(func(f *Flags) { f.NoInlineSpec = validation.InlineSpecs{Pipeline: true, TaskRun: true} }), nil},
		"InlineAll": {"all three", map[string]string{"disable-inline-spec": "pipelinerun,taskrun,pipeline"}, flags(func(f *Flags) {
			f.NoInlineSpec = validation.InlineSpecs{Pipeline: true, PipelineRun: true, TaskRun: true}
		}), nil},
		"InlineTypo":     {"a kind that is none does not switch off the others", map[string]string{"disable-inline-spec": "pipelines,taskrun"}, flags(func(f *Flags) { f.NoInlineSpec.TaskRun = true }), []string{`disable-inline-spec: "pipelines" is not one of "pipeline", "pipelinerun", "taskrun"; the rest of the list is used`}},
		"Coschedule":     {"a word that is none of the four", map[string]string{"coschedule": "nodes"}, defaults, []string{`coschedule: "nodes" is not one of "disabled", "isolate-pipelinerun", "pipelineruns", "workspaces"; using the default workspaces`}},
		"EmbeddedStatus": {"statuses of the past are refused by name", map[string]string{"embedded-status": "both"}, defaults, []string{`embedded-status: "both" is not "minimal"; using the default minimal`}},
		"APIFields":      {"a stability that there is not", map[string]string{"enable-api-fields": "all"}, defaults, []string{`enable-api-fields: "all" is not one of "alpha", "beta", "stable"; using the default beta`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, problems := ParseFlags(tc.data, []ResultsFrom{TerminationMessage, SidecarLogs})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			texts := ""
			for _, p := range problems {
				texts += p.Error() + "\n"
			}
			for _, want := range tc.problems {
				if !strings.Contains(texts, want) {
					t.Errorf("%s: want %q in the problems, got:\n%s", tc.reason, want, texts)
				}
			}
			if (len(tc.problems) == 0) != (len(problems) == 0) {
				t.Errorf("%s: unexpected problems:\n%s", tc.reason, texts)
			}
		})
	}
}

func flags(change func(*Flags)) Flags {
	f := Default().Flags
	change(&f)
	return f
}

func defaults(change func(*Defaults)) Defaults {
	d := Default().Defaults
	change(&d)
	return d
}

func TestParseDefaults(t *testing.T) {
	cases := map[string]struct {
		reason  string
		data    map[string]string
		want    Defaults
		problem string
	}{
		"Empty":    {"an hour, as users of the API know it", nil, Default().Defaults, ""},
		"Set":      {"both settings", map[string]string{"default-timeout-minutes": "5", "default-service-account": "ci"}, defaults(func(d *Defaults) { d.Timeout, d.ServiceAccount = 5*time.Minute, "ci" }), ""},
		"None":     {"0 means no timeout", map[string]string{"default-timeout-minutes": "0"}, defaults(func(d *Defaults) { d.Timeout = 0 }), ""},
		"Negative": {"time does not run backwards", map[string]string{"default-timeout-minutes": "-1"}, Default().Defaults, `default-timeout-minutes: "-1"`},
		"Century":  {"a hundred years are the most that is taken", map[string]string{"default-timeout-minutes": "52560000"}, defaults(func(d *Defaults) { d.Timeout = 876000 * time.Hour }), ""},
		// A finding of FuzzParseDefaults: the minutes overflowed, and every run without a timeout ended immediately.
		"Overflow": {"a timeout that overflows is rejected", map[string]string{"default-timeout-minutes": "200000000"}, Default().Defaults, `default-timeout-minutes: "200000000"`},
		"Word":     {"a duration is not a number of minutes", map[string]string{"default-timeout-minutes": "1h"}, Default().Defaults, `default-timeout-minutes: "1h"`},
		"Account":  {"a name that no service account can have", map[string]string{"default-service-account": "Build Bot"}, Default().Defaults, `default-service-account: "Build Bot" is not a name`},
		"ManagedBy": {"the label of another installation", map[string]string{"default-managed-by-label-value": "ours"},
			defaults(func(d *Defaults) { d.ManagedBy = "ours" }), ""},
		"ManagedByNone": {"a label that cannot be", map[string]string{"default-managed-by-label-value": "a b"}, Default().Defaults, `default-managed-by-label-value: "a b" is not the value of a label`},
		"PodTemplate": {"YAML within YAML, as users of the API write it", map[string]string{"default-pod-template": "nodeSelector:\n  disk: ssd\n"},
			defaults(func(d *Defaults) { d.PodTemplate = &v1.PodTemplate{NodeSelector: map[string]string{"disk": "ssd"}} }), ""},
		"PodTemplateTypo":  {"a field that there is not is not dropped in silence", map[string]string{"default-pod-template": "nodeSelectors: {}"}, Default().Defaults, "nodeSelectors"},
		"PodTemplateTwice": {"a field that is given twice has no value", map[string]string{"default-pod-template": "hostNetwork: true\nhostNetwork: false"}, Default().Defaults, "already set"},
		"Binding": {"workspaces that nobody binds", map[string]string{"default-task-run-workspace-binding": "emptyDir: {}"},
			defaults(func(d *Defaults) { d.WorkspaceBinding = &v1.WorkspaceBinding{EmptyDir: &corev1.EmptyDirVolumeSource{}} }), ""},
		"BindingNone": {"a binding without a volume binds nothing", map[string]string{"default-task-run-workspace-binding": "subPath: x"}, Default().Defaults, "is not a workspace binding"},
		"BindingTwo":  {"a binding with two volumes says neither", map[string]string{"default-task-run-workspace-binding": "{emptyDir: {}, secret: {secretName: x}}"}, Default().Defaults, "is not a workspace binding"},
		"Resources": {"by names of containers", map[string]string{"default-container-resource-requirements": "default: {requests: {cpu: 250m}}"},
			defaults(func(d *Defaults) {
				d.ContainerResources = map[string]corev1.ResourceRequirements{"default": {Requests: corev1.ResourceList{"cpu": resource.MustParse("250m")}}}
			}), ""},
		"ResourcesWrong": {"what is no quantity", map[string]string{"default-container-resource-requirements": "default: {requests: {cpu: much}}"}, Default().Defaults, "is not resource requirements"},
		"Rest": {"the other settings", map[string]string{"default-max-matrix-combinations-count": "10", "default-imagepullbackoff-timeout": "2m"},
			defaults(func(d *Defaults) { d.MaxMatrixCombinations, d.ImagePullTimeout = 10, 2*time.Minute }), ""},
		"ForbiddenEnv": {"a list with white space", map[string]string{"default-forbidden-env": "HTTP_PROXY, NO_PROXY,,"},
			defaults(func(d *Defaults) { d.ForbiddenEnv = []string{"HTTP_PROXY", "NO_PROXY"} }), ""},
		"Duration": {"a number is no duration", map[string]string{"default-imagepullbackoff-timeout": "5"}, Default().Defaults, `default-imagepullbackoff-timeout: "5" is not a duration`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, problems := ParseDefaults(tc.data)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if tc.problem == "" && len(problems) > 0 || tc.problem != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), tc.problem)) {
				t.Errorf("%s: want problem %q, got %v", tc.reason, tc.problem, problems)
			}
		})
	}
}

func TestStoreKeepsTheOtherParts(t *testing.T) {
	s := NewStore(Default())
	f, d := Flags{ResultsFrom: SidecarLogs, MaxResultSize: 7}, Defaults{ServiceAccount: "ci"}
	s.SetFlags(f)
	s.SetDefaults(d)
	own, shared := ClusterResolver{DefaultKind: "task"}, ClusterResolver{Blocked: []string{"*"}}
	s.SetOwnCluster(own)
	s.SetSharedCluster(shared)
	if diff := cmp.Diff(Config{f, d, ClusterResolvers{own, ClusterLists{Blocked: []string{"*"}}}}, s.Load()); diff != "" {
		t.Errorf("each setter replaces its part only: -want +got:\n%s", diff)
	}
}
