package pipelinerun

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/trust"
	"github.com/sluice-ci/sluice/test/testutil/resolver"
)

// judge is a verifier with a verdict for each kind.
type judge map[string]trust.Verdict

func (j judge) Check(_ context.Context, _ string, d trust.Definition) (trust.Verdict, error) {
	return j[d.Kind], nil
}

func TestUntrustedPipeline(t *testing.T) {
	refused := trust.Verdict{Result: trust.Refused, Message: "not signed"}
	cases := map[string]struct {
		reason    string
		verdicts  judge
		condition string
		status    metav1.ConditionStatus
		fails     bool
	}{
		"Pipeline": {
			reason:    "Nothing of a Pipeline that is not trusted is used.",
			verdicts:  judge{v1.KindPipeline: refused},
			condition: v1.PipelineRunReasonResourceVerificationFailed,
			status:    metav1.ConditionFalse,
			fails:     true,
		},
		"Task": {
			reason:    "A Task that is not trusted ends the run before another one starts.",
			verdicts:  judge{v1.KindPipeline: {Result: trust.Verified}, v1.KindTask: refused},
			condition: v1.PipelineRunReasonResourceVerificationFailed,
			status:    metav1.ConditionFalse,
			fails:     true,
		},
		"Warned": {
			reason:    "The worst of all definitions counts.",
			verdicts:  judge{v1.KindPipeline: {Result: trust.Verified}, v1.KindTask: {Result: trust.Warned, NoPolicy: true, Message: "x"}},
			condition: v1.TrustedResourcesReasonNoPolicy,
			status:    metav1.ConditionFalse,
		},
		"Verified": {
			reason:    "All definitions are signed.",
			verdicts:  judge{v1.KindPipeline: {Result: trust.Verified}, v1.KindTask: {Result: trust.Verified}},
			condition: v1.TrustedResourcesReasonVerified,
			status:    metav1.ConditionTrue,
		},
		"Skipped": {
			reason: "Without a policy there is no condition.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := remote()
			c := newCluster(t, interceptor.Funcs{}, pr)
			c.trust = tc.verdicts
			c.restart(t, interceptor.Funcs{})
			pr = c.settle(t, pr)
			c.answer(t, resolver.Answer{Definition: remotePipeline})
			pr = c.settle(t, pr)
			c.answer(t, resolver.Answer{Definition: remoteTask})
			pr = c.settle(t, pr)
			if tc.fails {
				wantReason(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonResourceVerificationFailed, "not signed")
				if len(c.children(t)) != 0 || pr.Status.PipelineSpec != nil {
					t.Errorf("%s\nsomething of the definition was used: %+v", tc.reason, pr.Status)
				}
			} else if len(c.children(t)) != 3 {
				t.Errorf("%s\nwant three tasks, got %+v", tc.reason, pr.Status)
			}
			got := meta.FindStatusCondition(pr.Status.Conditions, v1.ConditionTrustedResources)
			switch {
			case tc.condition == "" && got != nil, tc.condition != "" && (got == nil || got.Reason != tc.condition || got.Status != tc.status):
				t.Errorf("%s\nwant %q, %s, got %+v", tc.reason, tc.condition, tc.status, got)
			}
		})
	}
}
