package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/retention"
	"github.com/sluice-ci/sluice/internal/trust"
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
		"Empty": {
			reason: "no ConfigMap means the proposal's defaults",
			want:   Default().Flags,
		},
		"Sidecar": {
			reason: "the two flags together",
			data:   map[string]string{"results-from": "sidecar-logs", "max-result-size": "1000000"},
			want:   flags(func(f *Flags) { f.ResultsFrom, f.MaxResultSize = SidecarLogs, 1000000 }),
		},
		"Typo": {
			reason:   "a value that is nearly right is refused by name",
			data:     map[string]string{"results-from": "sidecar-log"},
			want:     defaults,
			problems: []string{`results-from: "sidecar-log" is not one of "sidecar-logs", "termination-message"`},
		},
		"EmptyValue": {
			reason:   "an empty value is not the default in disguise",
			data:     map[string]string{"results-from": ""},
			want:     defaults,
			problems: []string{`results-from: ""`},
		},
		"NotANumber": {
			reason:   "a word is not a size",
			data:     map[string]string{"max-result-size": "ten"},
			want:     defaults,
			problems: []string{`max-result-size: "ten"`},
		},
		"Unit": {
			reason:   "units are not understood, so they must not be guessed",
			data:     map[string]string{"max-result-size": "1Mi"},
			want:     defaults,
			problems: []string{`max-result-size: "1Mi"`},
		},
		"Zero": {
			reason:   "below the smallest size",
			data:     map[string]string{"max-result-size": "0"},
			want:     defaults,
			problems: []string{`max-result-size: "0"`},
		},
		"Negative": {
			reason:   "below the smallest size",
			data:     map[string]string{"max-result-size": "-1"},
			want:     defaults,
			problems: []string{`max-result-size: "-1"`},
		},
		"One": {
			reason: "the smallest size",
			data:   map[string]string{"max-result-size": "1"},
			want:   flags(func(f *Flags) { f.MaxResultSize = 1 }),
		},
		"Largest": {
			reason: "the largest size",
			data:   map[string]string{"max-result-size": "1572863"},
			want:   flags(func(f *Flags) { f.MaxResultSize = 1572863 }),
		},
		"AtLimit": {
			reason:   "1.5 MiB is what the whole object can hold, so no value can be that large",
			data:     map[string]string{"max-result-size": "1572864"},
			want:     defaults,
			problems: []string{`max-result-size: "1572864"`, `1572863`},
		},
		"TooLarge": {
			reason:   "over the object's limit",
			data:     map[string]string{"max-result-size": "2000000"},
			want:     defaults,
			problems: []string{`max-result-size: "2000000"`, "using the default 4096"},
		},
		"BothWrong": {
			reason:   "every problem is named, not only the first",
			data:     map[string]string{"results-from": "x", "max-result-size": "y"},
			want:     defaults,
			problems: []string{`results-from: "x"`, `max-result-size: "y"`},
		},
		"OneWrong": {
			reason:   "a bad flag does not take a good one with it",
			data:     map[string]string{"results-from": "sidecar-logs", "max-result-size": "y"},
			want:     flags(func(f *Flags) { f.ResultsFrom = SidecarLogs }),
			problems: []string{`max-result-size: "y"`},
		},
		"PerRun": {
			reason: "an administrator may keep the choice",
			data:   map[string]string{"enable-results-from-annotation": "false"},
			want:   flags(func(f *Flags) { f.ResultsFromPerRun = false }),
		},
		"Follow": {
			reason: "ends may be known sooner for one more container",
			data:   map[string]string{"follow-every-task": "true"},
			want:   flags(func(f *Flags) { f.FollowEveryTask = true }),
		},
		"PerRunTypo": {
			reason:   "a word that is nearly a boolean is none",
			data:     map[string]string{"enable-results-from-annotation": "no"},
			want:     defaults,
			problems: []string{`enable-results-from-annotation: "no" is not "true" or "false"; using the default true`},
		},
		"Unknown": {
			reason: "flags of the peer are accepted",
			data:   map[string]string{"enable-artifacts": "yes", "_example": "x"},
			want:   defaults,
		},
		"Switches": {
			reason: "every switch, set to what is not its default",
			data: map[string]string{
				"keep-pod-on-cancel": "true", "await-sidecar-readiness": "false", "set-security-context": "true",
				"set-security-context-read-only-root-filesystem": "true", "disable-creds-init": "true",
				"require-git-ssh-secret-known-hosts": "true", "coschedule": "disabled", "enable-api-fields": "alpha", "embedded-status": "minimal",
				"running-in-environment-with-injected-sidecars": "false", "trusted-resources-verification-no-match-policy": "fail",
				"send-cloudevents-for-runs": "false",
			},
			want: Flags{
				ResultsFrom:            TerminationMessage,
				ResultsFromPerRun:      true,
				MaxResultSize:          4096,
				KeepPodOnCancel:        true,
				SecurityContext:        true,
				ReadOnlyRootFilesystem: true,
				DisableCredentials:     true,
				RequireKnownHosts:      true,
				Coschedule:             CoscheduleDisabled,
				Signing:                defaultSigning(),
				NoMatchPolicy:          trust.NoMatchFail,
			},
		},
		"Inline": {
			reason: "kinds in which nothing is written out",
			data:   map[string]string{"disable-inline-spec": "pipeline, taskrun,"},
			want:   flags(func(f *Flags) { f.NoInlineSpec = validation.InlineSpecs{Pipeline: true, TaskRun: true} }),
		},
		"InlineAll": {
			reason: "all three",
			data:   map[string]string{"disable-inline-spec": "pipelinerun,taskrun,pipeline"},
			want: flags(func(f *Flags) {
				f.NoInlineSpec = validation.InlineSpecs{Pipeline: true, PipelineRun: true, TaskRun: true}
			}),
		},
		"InlineTypo": {
			reason:   "a kind that is none does not switch off the others",
			data:     map[string]string{"disable-inline-spec": "pipelines,taskrun"},
			want:     flags(func(f *Flags) { f.NoInlineSpec.TaskRun = true }),
			problems: []string{`disable-inline-spec: "pipelines" is not one of "pipeline", "pipelinerun", "taskrun"; the rest of the list is used`},
		},
		"Coschedule": {
			reason: "a word that is none of the four",
			data:   map[string]string{"coschedule": "nodes"},
			want:   defaults,
			problems: []string{
				`coschedule: "nodes" is not one of "disabled", "isolate-pipelinerun", "pipelineruns", "workspaces"; using the default workspaces`,
			},
		},
		"EmbeddedStatus": {
			reason:   "statuses of the past are refused by name",
			data:     map[string]string{"embedded-status": "both"},
			want:     defaults,
			problems: []string{`embedded-status: "both" is not "minimal"; using the default minimal`},
		},
		"APIFields": {
			reason:   "a stability that there is not",
			data:     map[string]string{"enable-api-fields": "all"},
			want:     defaults,
			problems: []string{`enable-api-fields: "all" is not one of "alpha", "beta", "stable"; using the default beta`},
		},
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
		"Empty": {
			reason: "an hour, as users of the API know it",
			want:   Default().Defaults,
		},
		"Set": {
			reason: "both settings",
			data:   map[string]string{"default-timeout-minutes": "5", "default-service-account": "ci"},
			want:   defaults(func(d *Defaults) { d.Timeout, d.ServiceAccount = 5*time.Minute, "ci" }),
		},
		"None": {
			reason: "0 means no timeout",
			data:   map[string]string{"default-timeout-minutes": "0"},
			want:   defaults(func(d *Defaults) { d.Timeout = 0 }),
		},
		"Negative": {
			reason:  "time does not run backwards",
			data:    map[string]string{"default-timeout-minutes": "-1"},
			want:    Default().Defaults,
			problem: `default-timeout-minutes: "-1"`,
		},
		"Century": {
			reason: "a hundred years are the most that is taken",
			data:   map[string]string{"default-timeout-minutes": "52560000"},
			want:   defaults(func(d *Defaults) { d.Timeout = 876000 * time.Hour }),
		},
		// A finding of FuzzParseDefaults: the minutes overflowed, and every run without a timeout ended immediately.
		"Overflow": {
			reason:  "a timeout that overflows is rejected",
			data:    map[string]string{"default-timeout-minutes": "200000000"},
			want:    Default().Defaults,
			problem: `default-timeout-minutes: "200000000"`,
		},
		"Word": {
			reason:  "a duration is not a number of minutes",
			data:    map[string]string{"default-timeout-minutes": "1h"},
			want:    Default().Defaults,
			problem: `default-timeout-minutes: "1h"`,
		},
		"Account": {
			reason:  "a name that no service account can have",
			data:    map[string]string{"default-service-account": "Build Bot"},
			want:    Default().Defaults,
			problem: `default-service-account: "Build Bot" is not a name`,
		},
		"ManagedBy": {
			reason: "the label of another installation",
			data:   map[string]string{"default-managed-by-label-value": "ours"},
			want:   defaults(func(d *Defaults) { d.ManagedBy = "ours" }),
		},
		"ManagedByNone": {
			reason:  "a label that cannot be",
			data:    map[string]string{"default-managed-by-label-value": "a b"},
			want:    Default().Defaults,
			problem: `default-managed-by-label-value: "a b" is not the value of a label`,
		},
		"PodTemplate": {
			reason: "YAML within YAML, as users of the API write it",
			data:   map[string]string{"default-pod-template": "nodeSelector:\n  disk: ssd\n"},
			want:   defaults(func(d *Defaults) { d.PodTemplate = &v1.PodTemplate{NodeSelector: map[string]string{"disk": "ssd"}} }),
		},
		"PodTemplateTypo": {
			reason:  "a field that there is not is not dropped in silence",
			data:    map[string]string{"default-pod-template": "nodeSelectors: {}"},
			want:    Default().Defaults,
			problem: "nodeSelectors",
		},
		"PodTemplateTwice": {
			reason:  "a field that is given twice has no value",
			data:    map[string]string{"default-pod-template": "hostNetwork: true\nhostNetwork: false"},
			want:    Default().Defaults,
			problem: "already set",
		},
		"Binding": {
			reason: "workspaces that nobody binds",
			data:   map[string]string{"default-task-run-workspace-binding": "emptyDir: {}"},
			want:   defaults(func(d *Defaults) { d.WorkspaceBinding = &v1.WorkspaceBinding{EmptyDir: &corev1.EmptyDirVolumeSource{}} }),
		},
		"BindingNone": {
			reason:  "a binding without a volume binds nothing",
			data:    map[string]string{"default-task-run-workspace-binding": "subPath: x"},
			want:    Default().Defaults,
			problem: "is not a workspace binding",
		},
		"BindingTwo": {
			reason:  "a binding with two volumes says neither",
			data:    map[string]string{"default-task-run-workspace-binding": "{emptyDir: {}, secret: {secretName: x}}"},
			want:    Default().Defaults,
			problem: "is not a workspace binding",
		},
		"Resources": {
			reason: "by names of containers",
			data:   map[string]string{"default-container-resource-requirements": "default: {requests: {cpu: 250m}}"},
			want: defaults(func(d *Defaults) {
				d.ContainerResources = map[string]corev1.ResourceRequirements{
					"default": {Requests: corev1.ResourceList{"cpu": resource.MustParse("250m")}},
				}
			}),
		},
		"ResourcesWrong": {
			reason:  "what is no quantity",
			data:    map[string]string{"default-container-resource-requirements": "default: {requests: {cpu: much}}"},
			want:    Default().Defaults,
			problem: "is not resource requirements",
		},
		"Rest": {
			reason: "the other settings",
			data:   map[string]string{"default-max-matrix-combinations-count": "10", "default-imagepullbackoff-timeout": "2m"},
			want:   defaults(func(d *Defaults) { d.MaxMatrixCombinations, d.ImagePullTimeout = 10, 2*time.Minute }),
		},
		"ForbiddenEnv": {
			reason: "a list with white space",
			data:   map[string]string{"default-forbidden-env": "HTTP_PROXY, NO_PROXY,,"},
			want:   defaults(func(d *Defaults) { d.ForbiddenEnv = []string{"HTTP_PROXY", "NO_PROXY"} }),
		},
		"Retention": {
			reason: "rules for finished runs, with a namespace",
			data: map[string]string{
				"default-retention": "historyLimit: 5\nstoredBytesLimit: 1Mi\nnamespaces: {dev: {ttlSecondsAfterFinished: 60}}",
			},
			want: defaults(func(d *Defaults) {
				d.Retention = &retention.Settings{
					Policy:     retention.Policy{HistoryLimit: new(int64(5)), StoredBytesLimit: new(resource.MustParse("1Mi"))},
					Namespaces: map[string]retention.Policy{"dev": {TTLSecondsAfterFinished: new(int64(60))}},
				}
			}),
		},
		"RetentionWithoutRules": {
			reason: "only annotations have an effect",
			data:   map[string]string{"default-retention": "{}"},
			want:   defaults(func(d *Defaults) { d.Retention = &retention.Settings{} }),
		},
		"RetentionTypo": {
			reason:  "an unknown field deletes nothing",
			data:    map[string]string{"default-retention": "historyLimit: 5\nttlSeconds: 60"},
			want:    Default().Defaults,
			problem: `unknown field "ttlSeconds"`,
		},
		"RetentionNegative": {
			reason:  "an invalid limit deletes nothing",
			data:    map[string]string{"default-retention": "historyLimit: -5"},
			want:    Default().Defaults,
			problem: "historyLimit: -5 is not from 0",
		},
		"EtcdQuota": {
			reason: "a quantity",
			data:   map[string]string{"etcd-quota": "8Gi"},
			want:   defaults(func(d *Defaults) { d.EtcdQuota = 8 << 30 }),
		},
		"EtcdQuotaWrong": {
			reason:  "what is no quantity",
			data:    map[string]string{"etcd-quota": "much"},
			want:    Default().Defaults,
			problem: `etcd-quota: "much" is not a number of bytes`,
		},
		"EtcdQuotaThousandths": {
			reason:  "a small m is a thousandth, not a million",
			data:    map[string]string{"etcd-quota": "8500m"},
			want:    Default().Defaults,
			problem: `etcd-quota: "8500m" is not a number of bytes`,
		},
		"RetentionThousandths": {
			reason:  "a limit of half a byte would delete every run",
			data:    map[string]string{"default-retention": "storedBytesLimit: 500m"},
			want:    Default().Defaults,
			problem: "storedBytesLimit: 500m is not a whole number of bytes",
		},
		"Duration": {
			reason:  "a number is no duration",
			data:    map[string]string{"default-imagepullbackoff-timeout": "5"},
			want:    Default().Defaults,
			problem: `default-imagepullbackoff-timeout: "5" is not a duration`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, problems := ParseDefaults(tc.data)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if tc.problem == "" && len(problems) > 0 ||
				tc.problem != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), tc.problem)) {
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
	metrics := Observability{TaskRunLevel: LevelTaskRun}
	s.SetMetrics(metrics)
	traces := Tracing{Enabled: true}
	s.SetTracing(traces)
	want := Config{
		Flags: f, Defaults: d, Cluster: ClusterResolvers{own, ClusterLists{Blocked: []string{"*"}}}, Metrics: metrics, Tracing: traces,
	}
	if diff := cmp.Diff(want, s.Load()); diff != "" {
		t.Errorf("each setter replaces its part only: -want +got:\n%s", diff)
	}
}

// TestNotify: the function gets the configuration in force, and each change.
func TestNotify(t *testing.T) {
	s := NewStore(Default())
	var got []string
	s.Notify(func(c Config) { got = append(got, c.Defaults.ServiceAccount) })
	s.SetDefaults(Defaults{ServiceAccount: "a"})
	s.SetMetrics(Observability{})
	if diff := cmp.Diff([]string{"", "a", "a"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestStoreReportsChanges: a receiver sees that there were changes, however many there were.
func TestStoreReportsChanges(t *testing.T) {
	s := NewStore(Default())
	for range 3 {
		s.SetDefaults(Default().Defaults)
	}
	select {
	case <-s.Changed():
	default:
		t.Error("want a value after changes")
	}
	select {
	case <-s.Changed():
		t.Error("want no second value without a further change")
	default:
	}
}
