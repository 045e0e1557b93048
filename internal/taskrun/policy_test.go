package taskrun

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
)

// TestPolicyHoldsWithoutWebhooks: a run that was stored while the webhooks were away, or before the setting, does not run.
func TestPolicyHoldsWithoutWebhooks(t *testing.T) {
	setting := func(name, value string) func(*v1.TaskRun) {
		return func(tr *v1.TaskRun) {
			tr.Spec.PodTemplate = &v1.PodTemplate{Env: []corev1.EnvVar{{Name: name, Value: value}}}
		}
	}
	cases := map[string]struct {
		reason  string
		tr      *v1.TaskRun
		flags   map[string]string
		setting map[string]string
		message string // empty: the run has a pod
	}{
		"Inline": {
			reason:  "The task is written out.",
			tr:      taskRun(),
			flags:   map[string]string{"disable-inline-spec": "taskrun"},
			message: "disable-inline-spec",
		},
		"InlineElsewhere": {
			reason: "Other kinds are not this one.",
			tr:     taskRun(),
			flags:  map[string]string{"disable-inline-spec": "pipeline,pipelinerun"},
		},
		"Env": {
			reason:  "The pod template sets a forbidden variable.",
			tr:      taskRun(setting("HTTP_PROXY", "x")),
			setting: map[string]string{"default-forbidden-env": "HTTP_PROXY"},
			message: `must not set "HTTP_PROXY" (default-forbidden-env`,
		},
		"EnvByParam": {
			reason: "The name comes from a param.",
			tr: taskRun(setting("$(params.name)", "x"), func(tr *v1.TaskRun) {
				tr.Spec.TaskSpec.Params = []v1.ParamSpec{{Name: "name"}}
				tr.Spec.Params = []v1.Param{{Name: "name", Value: v1.StringValue("HTTP_PROXY")}}
			}),
			setting: map[string]string{"default-forbidden-env": "HTTP_PROXY"},
			message: `must not set "HTTP_PROXY"`,
		},
		"EnvOfInstallation": {
			reason: "The installation's own template may set it.",
			tr:     taskRun(setting("FINE", "x")),
			setting: map[string]string{
				"default-forbidden-env": "HTTP_PROXY", "default-pod-template": "env: [{name: HTTP_PROXY, value: http://proxy}]",
			},
		},
		"EnvOfInstallationInTheRun": {
			reason: "The webhook writes the installation's own template into each new run.",
			tr:     taskRun(setting("HTTP_PROXY", "http://proxy")),
			setting: map[string]string{
				"default-forbidden-env": "HTTP_PROXY", "default-pod-template": "env: [{name: HTTP_PROXY, value: http://proxy}]",
			},
		},
		"EnvOtherThanOfInstallation": {
			reason: "Another value is that of the run.",
			tr:     taskRun(setting("HTTP_PROXY", "http://other")),
			setting: map[string]string{
				"default-forbidden-env": "HTTP_PROXY", "default-pod-template": "env: [{name: HTTP_PROXY, value: http://proxy}]",
			},
			message: `must not set "HTTP_PROXY"`,
		},
		"EnvOfTask": {
			reason: "A task may set it.",
			tr: taskRun(func(tr *v1.TaskRun) {
				tr.Spec.TaskSpec.Steps[0].Env = []corev1.EnvVar{{Name: "HTTP_PROXY", Value: "x"}}
			}),
			setting: map[string]string{"default-forbidden-env": "HTTP_PROXY"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{tc.tr}, interceptor.Funcs{})
			flags, wrong := config.ParseFlags(tc.flags, []config.ResultsFrom{config.TerminationMessage})
			defaults, alsoWrong := config.ParseDefaults(tc.setting)
			if len(wrong)+len(alsoWrong) > 0 {
				t.Fatal(wrong, alsoWrong)
			}
			w.store.SetFlags(flags)
			w.store.SetDefaults(defaults)
			tr := w.pass(t)
			if tc.message == "" {
				if pods := w.pods(t); len(pods) != 1 {
					t.Errorf("%s\n%d pods, condition %+v", tc.reason, len(pods), tr.Status.Condition())
				}
				return
			}
			wantCondition(t, tr, "False TaskRunValidationFailed", tc.message)
			if pods := w.pods(t); len(pods) != 0 {
				t.Errorf("%s\n%d pods were made", tc.reason, len(pods))
			}
		})
	}
}
