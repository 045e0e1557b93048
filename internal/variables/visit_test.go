package variables

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/fill"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// recorder is a TextVisitor, and with values a ValueVisitor, that notes where it has been.
type recorder struct{ paths []string }

func (r *recorder) VisitText(path *field.Path, kind TextKind, _ *string) {
	suffix := ""
	if kind == TextExpanded {
		suffix = " (expanded)"
	}
	r.paths = append(r.paths, path.String()+suffix)
}

func (r *recorder) VisitList(path *field.Path, _ *[]string) {
	r.paths = append(r.paths, path.String()+" (list)")
}

type values struct{ *recorder }

func (v values) VisitText(path *field.Path, _ *string) { v.paths = append(v.paths, path.String()) }

func (v values) VisitElements(path *field.Path, _ *[]string) {
	v.paths = append(v.paths, path.String()+" (elements)")
}

func (v values) VisitValue(path *field.Path, _ *v1.Value) {
	v.recorder.paths = append(v.recorder.paths, path.String()+" (value)")
}

func decode[T any](t *testing.T, text string) *T {
	t.Helper()
	var value T
	if err := yaml.UnmarshalStrict([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return &value
}

// filled sets every field of a spec.
func filled(spec any) {
	fill.Everything(reflect.ValueOf(spec).Elem(), fill.Depth, fill.With{Value: v1.StringValue("x")})
}

// The golden files list the places where variables are substituted. A place that is lost there would keep its variables
// as text; one that is new is a promise to users.
func TestVisitedPlaces(t *testing.T) {
	cases := map[string]struct {
		reason string
		visit  func() []string
	}{
		"task-texts": {reason: "The texts of a task.", visit: func() []string {
			var spec v1.TaskSpec
			filled(&spec)
			r := &recorder{}
			VisitTaskTexts(&spec, nil, r)
			return r.paths
		}},
		"task-values": {reason: "The values of a task's steps.", visit: func() []string {
			var spec v1.TaskSpec
			filled(&spec)
			r := &recorder{}
			VisitTaskValues(&spec, nil, values{r})
			return r.paths
		}},
		"pipeline-values": {reason: "The values of a pipeline.", visit: func() []string {
			var spec v1.PipelineSpec
			filled(&spec)
			r := &recorder{}
			VisitPipelineValues(&spec, nil, values{r})
			return r.paths
		}},
		"bindings": {reason: "The workspaces of a run.", visit: func() []string {
			var spec v1.TaskRunSpec
			filled(&spec)
			r := &recorder{}
			VisitBindings(spec.Workspaces, field.NewPath("workspaces"), r)
			return r.paths
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata", "visited", name+".txt")
			got := tc.visit()
			if twice := duplicate(got); twice != "" {
				t.Errorf("%s is visited twice: what was put in there would be substituted again", twice)
			}
			text := strings.Join(got, "\n") + "\n"
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), text); diff != "" {
				t.Errorf("\n%s\n-want, +got (rewrite with -update):\n%s", tc.reason, diff)
			}
		})
	}
}

func duplicate(paths []string) string {
	sorted := slices.Sorted(slices.Values(paths))
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return sorted[i]
		}
	}
	return ""
}

func TestDependencies(t *testing.T) {
	task := decode[v1.PipelineTask](t, `
name: t
runAfter: [after, param]
params: [{name: p, value: ["$(tasks.param.results.r)"]}]
matrix: {params: [{name: m, value: "$(tasks.matrix.results.r[*])"}], include: [{params: [{name: i, value: $(tasks.include.results.r)}]}]}
when: [{input: $(tasks.input.results.r), operator: in, values: [$(tasks.value.results.r)]}, {cel: "'$(tasks.cel.results.r)' == ''"}]
workspaces: [{name: w, subPath: $(tasks.path.results.r)}]
taskRef: {resolver: r, params: [{name: a, value: $(tasks.ref.results.r)}]}
displayName: $(tasks.count.matrix.r.length) of $(tasks.combinations.matrix.length)
`)
	want := []string{"after", "param", "ref", "matrix", "include", "path", "input", "value", "cel", "count"}
	if diff := cmp.Diff(want, Dependencies(task)); diff != "" {
		t.Errorf("the number of combinations is known before; all others must have ended: -want, +got:\n%s", diff)
	}
	if got := len(TaskResultRefs(task)); got != 8 {
		t.Errorf("want 8 references to results, got %d", got)
	}
}

func TestUndeclaredWorkspaces(t *testing.T) {
	spec := decode[v1.TaskSpec](t, `
workspaces: [{name: declared}]
steps:
- {image: i, script: "$(workspaces.declared.path) $(workspaces.script.path)", args: ["$(workspaces['a.b'].bound)"]}
- {image: i, script: "$(workspaces.script.path)", workspaces: [{name: isolated}, {name: declared}]}
- ref: {name: a}
  params: [{name: p, value: ["$(workspaces.value.path)"]}]
  when: [{input: $(workspaces.when.bound), operator: in, values: ["true"]}]
sidecars: [{name: s, image: i, workspaces: [{name: beside}]}]
`)
	if diff := cmp.Diff([]string{"a.b", "beside", "isolated", "script", "value", "when"}, UndeclaredWorkspaces(spec)); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}
