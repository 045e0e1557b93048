package pipelinerun

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/validation"
)

// TestPolicyHoldsWithoutWebhooks: a run that was stored while the webhooks were away, or before the setting, starts no task.
func TestPolicyHoldsWithoutWebhooks(t *testing.T) {
	inline := run(embedded("a", v1.TaskSpec{}))
	stored := &v1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: inline.Namespace, Name: "stored"},
		Spec:       *inline.Spec.PipelineSpec.DeepCopy(),
	}
	referring := inline.DeepCopy()
	referring.Spec.PipelineSpec, referring.Spec.PipelineRef = nil, &v1.PipelineRef{Name: "stored"}
	withEnv := inline.DeepCopy()
	withEnv.Spec.TaskRunTemplate.PodTemplate = &v1.PodTemplate{Env: []corev1.EnvVar{{Name: "HTTP_PROXY"}}}
	cases := map[string]struct {
		reason  string
		run     *v1.PipelineRun
		limits  validation.InlineSpecs
		env     []string
		message string // empty: a task starts
	}{
		"PipelineRun": {
			reason:  "The pipeline is written out.",
			run:     inline,
			limits:  validation.InlineSpecs{PipelineRun: true},
			message: "spec.pipelineSpec: Forbidden",
		},
		"TaskInRun": {
			reason:  "So is a task in it.",
			run:     inline,
			limits:  validation.InlineSpecs{Pipeline: true},
			message: "spec.pipelineSpec.tasks[0].taskSpec: Forbidden",
		},
		"TaskInPipeline": {
			reason:  "A stored Pipeline is older than the setting.",
			run:     referring,
			limits:  validation.InlineSpecs{Pipeline: true},
			message: "pipeline.spec.tasks[0].taskSpec: Forbidden",
		},
		"RunOfAPipeline": {
			reason: "The run refers to its pipeline.",
			run:    referring,
			limits: validation.InlineSpecs{PipelineRun: true},
		},
		"Env": {
			reason:  "The template sets a forbidden variable.",
			run:     withEnv,
			env:     []string{"HTTP_PROXY"},
			message: "default-forbidden-env",
		},
		"EnvOther": {
			reason: "Another variable is forbidden.",
			run:    withEnv,
			env:    []string{"NO_PROXY"},
		},
		"WithoutSettings": {
			reason: "Nothing is forbidden.",
			run:    inline,
		},
		"TaskRunsOfItsOwn": {
			reason: "The setting about TaskRuns is theirs to check.",
			run:    inline,
			limits: validation.InlineSpecs{TaskRun: true},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, interceptor.Funcs{}, tc.run, stored)
			settings := config.Default()
			settings.Flags.NoInlineSpec, settings.Defaults.ForbiddenEnv = tc.limits, tc.env
			c.config.SetFlags(settings.Flags)
			c.config.SetDefaults(settings.Defaults)
			pr := c.settle(t, tc.run)
			if tc.message == "" {
				if c.calls["create"] != 1 {
					t.Errorf("%s\n%d TaskRuns, condition %+v", tc.reason, c.calls["create"], pr.Status.Condition())
				}
				return
			}
			wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonValidationFailed, tc.message)
			if c.calls["create"] != 0 {
				t.Errorf("%s\n%d TaskRuns were made", tc.reason, c.calls["create"])
			}
		})
	}
}
