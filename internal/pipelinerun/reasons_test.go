package pipelinerun

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestReasonsOfThePublicAPI: a run that fails for a cause that the public API has a reason for has that reason.
func TestReasonsOfThePublicAPI(t *testing.T) {
	object := v1.ParamSpec{Name: "o", Type: v1.TypeObject, Properties: map[string]v1.PropertySpec{"k": {}, "l": {}}}
	list := v1.ParamSpec{Name: "l", Type: v1.TypeArray}
	with := func(pr *v1.PipelineRun, spec v1.ParamSpec, given v1.Param) *v1.PipelineRun {
		pr.Spec.PipelineSpec.Params = []v1.ParamSpec{spec}
		pr.Spec.Params = []v1.Param{given}
		return pr
	}
	circle := func(value string) *v1.PipelineRun {
		pr := run(taking("a", value))
		pr.Spec.PipelineSpec.Params = []v1.ParamSpec{
			{Name: "front", Default: new(v1.StringValue("<$(params.back)>"))}, {Name: "back", Default: new(v1.StringValue("$(params.front)!"))},
		}
		return pr
	}
	guarded := plain("a")
	guarded.When = []v1.WhenExpression{{CEL: "'a' + 1 == 'b'"}}
	matrix := taking("a", "x")
	matrix.Params = nil
	matrix.Matrix = &v1.Matrix{Params: []v1.Param{{Name: "p", Value: v1.StringValue("$(params.l[0])")}}}
	result := func(value string, t v1.ValueType) *v1.PipelineRun {
		pr := run(producing("make", "r"))
		pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "out", Type: t, Value: v1.StringValue(value)}}
		return pr
	}
	cases := map[string]struct {
		reason  string
		run     *v1.PipelineRun
		want    string
		message string
	}{
		"ObjectKeys": {
			reason:  "an object lacks a key",
			run:     with(run(plain("a")), object, v1.Param{Name: "o", Value: v1.ObjectValue(map[string]string{"k": "v"})}),
			want:    v1.PipelineRunReasonObjectParameterMissKeys,
			message: "lacks the keys: l",
		},
		"ArrayElement": {
			reason:  "an array does not have the element",
			run:     with(run(taking("a", "$(params.l[7])")), list, array("l", "x")),
			want:    v1.PipelineRunReasonParamArrayIndexingInvalid,
			message: "1 elements",
		},
		"DefaultsInACircle": {
			reason:  "defaults of params refer to each other, and no result of a task is concerned",
			run:     circle("$(params.front)"),
			want:    v1.PipelineRunReasonValidationFailed,
			message: "cannot resolve $(params.front) in params[0].value: it has its default value, in which $(params.back) cannot be resolved",
		},
		"DefaultsInACircleInBrackets": {
			reason:  "a name in brackets is no element of an array",
			run:     circle("$(params['front'])"),
			want:    v1.PipelineRunReasonValidationFailed,
			message: "circle",
		},
		"CEL": {
			reason:  "an expression has an error",
			run:     run(guarded),
			want:    v1.PipelineRunReasonCELEvaluationFailed,
			message: `task "a" cannot start`,
		},
		"PipelineResult": {
			reason:  "a result of the pipeline refers to one that its task does not declare",
			run:     result("$(tasks.make.results.other)", ""),
			want:    v1.PipelineRunReasonInvalidPipelineResultReference,
			message: `"other"`,
		},
		"ResultType": {
			reason:  "a result of the pipeline has another type than declared",
			run:     result("$(tasks.make.results.r)", v1.TypeString),
			want:    v1.PipelineRunReasonCouldntGetPipelineResult,
			message: `results[0], "out"`,
		},
		"Matrix": {
			reason:  "the value of a matrix is no array",
			run:     with(run(matrix), list, array("l", "x")),
			want:    v1.PipelineRunReasonInvalidMatrixParameterTypes,
			message: "matrix.params[0].value",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, interceptor.Funcs{}, tc.run)
			pr := c.settle(t, tc.run)
			if len(c.children(t)) > 0 && !pr.Status.Done() { // a task whose result has another type than its text
				c.end(t, pr, "make", done(), v1.TaskRunResult{Name: "r", Type: v1.TypeArray, Value: v1.ArrayValue("a", "b")})
				pr = c.settle(t, pr)
			}
			wantCondition(t, pr, metav1.ConditionFalse, tc.want, tc.message)
		})
	}
}
