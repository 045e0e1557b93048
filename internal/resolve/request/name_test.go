package request

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolve"
)

func anyValue() *rapid.Generator[v1.Value] {
	return rapid.OneOf(
		rapid.Map(rapid.String(), v1.StringValue),
		rapid.Map(rapid.SliceOfN(rapid.String(), 0, 3), func(a []string) v1.Value { return v1.ArrayValue(a...) }),
		rapid.Map(rapid.MapOfN(rapid.String(), rapid.String(), 0, 3), v1.ObjectValue),
	)
}

func anyRequest() *rapid.Generator[resolve.Request] {
	return rapid.Custom(func(t *rapid.T) resolve.Request {
		wanted := resolve.Request{
			Run: resolve.Run{
				Kind: rapid.SampledFrom([]string{v1.KindTaskRun, v1.KindPipelineRun}).Draw(t, "run kind"),
				Object: &metav1.ObjectMeta{
					Namespace: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "namespace"),
					Name:      rapid.SampledFrom([]string{"x", "y"}).Draw(t, "name"),
					UID:       types.UID(rapid.SampledFrom([]string{"1", "2"}).Draw(t, "uid")),
				},
			},
			Kind:     rapid.SampledFrom([]string{v1.KindTask, v1.KindPipeline, "StepAction"}).Draw(t, "kind"),
			Resolver: rapid.SampledFrom([]string{"git", "Books_1"}).Draw(t, "resolver"),
		}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"url", "path", "revision"}), 0, 3, rapid.ID).Draw(t, "params") {
			wanted.Params = append(wanted.Params, v1.Param{Name: name, Value: anyValue().Draw(t, name)})
		}
		return wanted
	})
}

// same reports whether two requests ask the same for the same run. It does not use the encoding that the name uses.
func same(a, b resolve.Request) bool {
	x, y := a.Run.Object, b.Run.Object
	if a.Run.Kind != b.Run.Kind || x.GetUID() != y.GetUID() || x.GetName() != y.GetName() || x.GetNamespace() != y.GetNamespace() ||
		a.Kind != b.Kind || a.Resolver != b.Resolver || len(a.Params) != len(b.Params) {
		return false
	}
	for _, p := range a.Params {
		if !slices.ContainsFunc(b.Params, func(q v1.Param) bool { return p.Name == q.Name && p.Value.Equal(q.Value) }) {
			return false
		}
	}
	return true
}

// TestName: two requests have the same name exactly if they ask the same for the same run, in any order of the params.
func TestName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyRequest().Draw(t, "a"), anyRequest().Draw(t, "b")
		if rapid.Bool().Draw(t, "the same") {
			b = a
			b.Params = rapid.Permutation(a.Params).Draw(t, "order")
		}
		first, err := nameOf(a)
		if err != nil {
			t.Fatal(err)
		}
		second, err := nameOf(b)
		if err != nil {
			t.Fatal(err)
		}
		if (first == second) != same(a, b) {
			t.Errorf("names %q and %q for %+v and %+v", first, second, a, b)
		}
		if problems := validation.IsDNS1123Label(first); len(problems) > 0 {
			t.Errorf("%q is not a name: %v", first, problems)
		}
	})
}
