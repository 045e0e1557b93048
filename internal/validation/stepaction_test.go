package validation

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

func TestDefaultStepAction(t *testing.T) {
	action := v1beta1.StepAction{Spec: v1beta1.StepActionSpec{
		Params:  []v1.ParamSpec{{Name: "p", Properties: map[string]v1.PropertySpec{"k": {}}}},
		Results: []v1.StepResult{{Name: "r"}},
	}}
	want := v1beta1.StepActionSpec{
		Params: []v1.ParamSpec{{
			Name:       "p",
			Type:       v1.TypeObject,
			Properties: map[string]v1.PropertySpec{"k": {Type: v1.TypeString}},
		}},
		Results: []v1.StepResult{{Name: "r", Type: v1.TypeString}},
	}
	for range 2 { // defaults of what has defaults change nothing
		DefaultStepAction(&action)
		if diff := cmp.Diff(want, action.Spec); diff != "" {
			t.Errorf("a param with properties is an object, a property and a result are strings: -want, +got:\n%s", diff)
		}
	}
}
