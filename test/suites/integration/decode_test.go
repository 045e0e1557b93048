//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestOddValuesDecode stores values of params that are not strings, arrays or objects of strings, and reads them as the
// controller does. A value that did not decode would stop its watch. Validation refuses such values later.
func TestOddValuesDecode(t *testing.T) {
	cases := map[string]struct {
		reason string
		value  string
		want   v1.Value
	}{
		"String":      {reason: "as it is", value: `x`, want: v1.StringValue("x")},
		"Empty":       {reason: "nothing is a string, too", value: `""`, want: v1.StringValue("")},
		"Array":       {reason: "as it is", value: `[a, b]`, want: v1.ArrayValue("a", "b")},
		"EmptyArray":  {reason: "an array of none", value: `[]`, want: v1.ArrayValue([]string{}...)},
		"Object":      {reason: "as it is", value: `{a: b}`, want: v1.ObjectValue(map[string]string{"a": "b"})},
		"EmptyObject": {reason: "an object of none", value: `{}`, want: v1.ObjectValue(map[string]string{})},
		"Number":      {reason: "what users of YAML mean by 5", value: `5`, want: v1.StringValue("5")},
		"Fraction":    {reason: "as written", value: `1.5`, want: v1.StringValue("1.5")},
		"Boolean":     {reason: "what users of YAML mean by true", value: `true`, want: v1.StringValue("true")},
		"Mixed":       {reason: "not an array of strings", value: `[a, 1]`, want: v1.StringValue(`["a",1]`)},
		"NullInArray": {reason: "a null is not an empty string", value: `[a, null]`, want: v1.StringValue(`["a",null]`)},
		"Nested":      {reason: "not an object of strings", value: `{a: [1]}`, want: v1.StringValue(`{"a":[1]}`)},
	}
	namespace := newNamespace(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := specOf(t, "TaskRun", "spec: {taskRef: {name: t}, params: [{name: p, value: "+tc.value+"}]}")
			o.SetNamespace(namespace)
			create(t, o)
			var run v1.TaskRun
			if err := shared.client.Get(t.Context(), client.ObjectKeyFromObject(o), &run); err != nil {
				t.Fatalf("%s\ncannot read %s: %v", tc.reason, tc.value, err)
			}
			if diff := cmp.Diff(tc.want, run.Spec.Params[0].Value); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
	var all v1.TaskRunList
	if err := shared.client.List(t.Context(), &all, client.InNamespace(namespace)); err != nil || len(all.Items) != len(cases) {
		t.Errorf("all of them together must be listed, got %d of %d: %v", len(all.Items), len(cases), err)
	}
}

// TestLargeResults stores the largest results that a run may produce. The API server has a limit, too.
func TestLargeResults(t *testing.T) {
	cases := map[string]struct {
		reason  string
		results []v1.TaskRunResult
		large   bool
	}{
		"OneMegabyte": {
			reason:  "the size that the proposal is about",
			results: results(1, 1_000_000),
		},
		"Many": {
			reason:  "300 results of 4096 bytes",
			results: results(300, 4096),
		},
		"TooLarge": {
			reason:  "more than one object can hold: the controller must not let it come to that",
			results: results(4, 1_000_000),
			large:   true,
		},
	}
	namespace := newNamespace(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskRef: &v1.TaskRef{Name: "t"}}}
			run.Namespace, run.GenerateName = namespace, "it-"
			create(t, run)
			changed := run.DeepCopy()
			changed.Status.Results = tc.results
			err := shared.client.Status().Patch(t.Context(), changed, client.MergeFrom(run))
			if tc.large {
				if !apierrors.IsRequestEntityTooLargeError(err) && (err == nil || !strings.Contains(err.Error(), "too large")) {
					t.Errorf("%s\nwant it refused as too large, got: %v", tc.reason, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s\ncannot patch the status: %v", tc.reason, err)
			}
			var stored v1.TaskRun
			if err := shared.client.Get(t.Context(), client.ObjectKeyFromObject(run), &stored); err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(tc.results, stored.Status.Results) {
				t.Errorf("%s\nwhat was stored is not what was sent", tc.reason)
			}
		})
	}
}

// results returns n results of size bytes each.
func results(n, size int) []v1.TaskRunResult {
	out := make([]v1.TaskRunResult, n)
	for i := range out {
		value := strings.Repeat("0123456789abcde\n", size/16+1)[:size]
		out[i] = v1.TaskRunResult{Name: fmt.Sprint("r", i), Type: v1.TypeString, Value: v1.StringValue(value)}
	}
	return out
}
