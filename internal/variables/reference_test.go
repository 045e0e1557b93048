package variables

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestReferences(t *testing.T) {
	one := func(root string, names ...string) Reference { return Reference{Root: root, Names: names, Index: -1} }
	whole := func(r Reference) Reference { r.Whole = true; return r }
	index := func(r Reference, i int) Reference { r.Index = i; return r }
	bad := func(root string, names ...string) Reference {
		return Reference{Root: root, Names: names, Index: -1, Malformed: true}
	}
	cases := map[string]struct {
		reason, text string
		want         []Reference
	}{
		"Param": {
			reason: "The common form.",
			text:   "a $(params.image) b",
			want:   []Reference{one("params", "image")},
		},
		"DoubleQuotes": {
			reason: "Brackets allow dots in a name.",
			text:   `$(params["a.b"])`,
			want:   []Reference{one("params", "a.b")},
		},
		"SingleQuotes": {
			reason: "Either quote will do.",
			text:   `$(params['a.b'])`,
			want:   []Reference{one("params", "a.b")},
		},
		"AnyNameInQuotes": {
			reason: "Quotes take what names cannot hold; that such a name does not exist is found later.",
			text:   `$(params['a b)'])`,
			want:   []Reference{one("params", "a b)")},
		},
		"Whole": {
			reason: "[*] is the whole of an array or an object.",
			text:   "$(params.a[*])$(params['a.b'][*])",
			want:   []Reference{whole(one("params", "a")), whole(one("params", "a.b"))},
		},
		"Index": {
			reason: "A number is one element.",
			text:   "$(params.a[12])",
			want:   []Reference{index(one("params", "a"), 12)},
		},
		"Key": {
			reason: "A second name is a key.",
			text:   "$(params.o.k)",
			want:   []Reference{one("params", "o", "k")},
		},
		"Legacy": {
			reason: "Tasks older than v1 say inputs.params.",
			text:   "$(inputs.params.x)",
			want:   []Reference{one("params", "x")},
		},
		"LegacyOther": {
			reason: "Nothing else lives under inputs.",
			text:   "$(inputs.results.x)",
		},
		"AllRoots": {
			reason: "Every root of the API is found.",
			text:   "$(results.r.path)$(workspaces.w.bound)$(context.taskRun.name)$(tasks.t.results.r)",
			want: []Reference{
				one("results", "r", "path"),
				one("workspaces", "w", "bound"),
				one("context", "taskRun", "name"),
				one("tasks", "t", "results", "r"),
			},
		},
		"Steps": {
			reason: "A step refers to results and exit codes of others, and to results of its own.",
			text:   "$(steps.a.results.r[*])$(steps.step-a.exitCode.path)$(step.results['r.x'].path)",
			want: []Reference{
				whole(one("steps", "a", "results", "r")),
				one("steps", "step-a", "exitCode", "path"),
				one("step", "results", "r.x", "path"),
			},
		},
		"OtherRoots": {
			reason: "There are credentials, tasks of finally, and artifacts.",
			text:   "$(credentials.path)$(finally.t.results.r)$(artifacts.path)",
			want:   []Reference{one("credentials", "path"), one("finally", "t", "results", "r"), one("artifacts", "path")},
		},
		"AlmostRoots": {
			reason: "What only begins like a root is none.",
			text:   "$(stepping.x)$(params2.x)$(task.x)$(final.x)",
		},
		"BracketedResult": {
			reason: "The path may stand behind brackets.",
			text:   "$(results['r.x'].path)",
			want:   []Reference{one("results", "r.x", "path")},
		},
		"Shell": {
			reason: "What belongs to the shell or to Kubernetes is left alone.",
			text:   "$(date) $((1+1)) $(HOME) $params.x ${params.x} $(parameters.x)",
		},
		"ShellWithBlank": {
			reason: "A command that happens to be called like a root is not a variable.",
			text:   "$(params.sh --all)",
		},
		"ShellOfParam": {
			reason: "A variable within the shell's own substitution is found.",
			text:   "$(echo $(params.x))",
			want:   []Reference{one("params", "x")},
		},
		"ShellArithmetic": {
			reason: "So is one within arithmetic.",
			text:   `$(( "$(params.a)" + 1 ))`,
			want:   []Reference{one("params", "a")},
		},
		"DollarBefore": {
			reason: "A dollar before a variable does not hide it.",
			text:   "$$(params.x)",
			want:   []Reference{one("params", "x")},
		},
		"NotClosed": {
			reason: "What is not closed is no variable.",
			text:   "$(params.x",
		},
		"RootAlone": {
			reason: "A root alone is a command.",
			text:   "$(params) $(results)",
		},
		"Dots": {
			reason: "Empty names do not follow the syntax.",
			text:   "$(params..x)$(params.x.)",
			want:   []Reference{bad("params"), bad("params", "x")},
		},
		"OpenBracket": {
			reason: "A bracket must be closed.",
			text:   "$(params.x[)",
			want:   []Reference{bad("params", "x")},
		},
		"IndexFirst": {
			reason: "An element needs an array to be of.",
			text:   "$(params[0])",
			want:   []Reference{bad("params")},
		},
		"BehindIndex": {
			reason: "Nothing stands behind an index.",
			text:   "$(params.x[0].k)",
			want:   []Reference{index(bad("params", "x"), 0)},
		},
		"NegativeIndex": {
			reason: "Elements are counted from 0.",
			text:   "$(params.x[-1])",
			want:   []Reference{bad("params", "x")},
		},
		"HugeIndex": {
			reason: "A number beyond any array is refused, not wrapped.",
			text:   "$(params.x[99999999999999999999])",
			want:   []Reference{bad("params", "x")},
		},
		"LineBreakInQuote": {
			reason: "A quote ends on its line.",
			text:   "$(params['a\nb'])",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []Reference
			for r := range References(tc.text) {
				if tc.text[r.Start:r.End] != r.Text {
					t.Errorf("Start and End are %q, Text is %q", tc.text[r.Start:r.End], r.Text)
				}
				r.Start, r.End, r.Text = 0, 0, ""
				got = append(got, r)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nReferences(%q): -want, +got:\n%s", tc.reason, tc.text, diff)
			}
			if HasReference(tc.text) != (len(tc.want) > 0) {
				t.Errorf("\n%s\nHasReference(%q) disagrees", tc.reason, tc.text)
			}
		})
	}
}

func TestReferencesComeInOrderAndApart(t *testing.T) {
	parts := []string{"$(params.x)", "$(", "$", "(", ")", "params.", "['", "']", "[*]", "tasks.t.results.r", "\n", "inputs."}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom(parts)).Draw(t, "parts"), "")
		end := 0
		for r := range References(text) {
			if r.Start < end || r.End <= r.Start || text[r.Start:r.End] != r.Text {
				t.Fatalf("reference %+v of %q overlaps the one before it, which ends at %d", r, text, end)
			}
			end = r.End
		}
	})
}

func TestResultRefs(t *testing.T) {
	value := v1.ObjectValue(map[string]string{
		"b": "$(tasks.t.results.r[*]) and $(tasks['t'].results['r.s'])",
		"a": "$(tasks.t.results.o.key) $(params.p) $(tasks.t.status)",
		"c": "$(tasks.t.results.r[3]) $(tasks.t.results.r[*].k) $(tasks.t.results.o.key[0])",
	})
	want := []ResultRef{
		{Task: "t", Result: "o", Key: "key", Index: -1},
		{Task: "t", Result: "r", Whole: true, Index: -1},
		{Task: "t", Result: "r.s", Index: -1},
		{Task: "t", Result: "r", Index: 3},
	}
	if diff := cmp.Diff(want, ResultRefs(value)); diff != "" {
		t.Errorf("ResultRefs: -want, +got:\n%s", diff)
	}
}

func TestKindsOfReferences(t *testing.T) {
	type kinds struct {
		Result *ResultRef
		Step   *StepResultRef
		// State and Length are what TaskState and MatrixLength return, joined.
		State, Length string
	}
	cases := map[string]struct {
		reason, text string
		want         kinds
	}{
		"Result": {
			reason: "A task's result.",
			text:   "$(tasks.t.results.r[2])",
			want:   kinds{Result: &ResultRef{Task: "t", Result: "r", Index: 2}},
		},
		"Finally": {
			reason: "A result of a task of finally.",
			text:   "$(finally.t.results.o.k)",
			want:   kinds{Result: &ResultRef{Task: "t", Result: "o", Key: "k", Index: -1, Finally: true}},
		},
		"Step": {
			reason: "A step's result.",
			text:   "$(steps.s.results['r.x'][*])",
			want:   kinds{Step: &StepResultRef{Step: "s", Result: "r.x", Whole: true, Index: -1}},
		},
		"ArtifactOfTask": {
			reason: "An artifact of a task is used like a result of it, under a name that no result has.",
			text:   "$(tasks.t.outputs['a.b'])",
			want:   kinds{Result: &ResultRef{Task: "t", Result: "outputs/a.b", Artifacts: "outputs", Index: -1}},
		},
		"ArtifactOfStep": {
			reason: "An artifact of a step.",
			text:   "$(steps.s.inputs.a)",
			want:   kinds{Step: &StepResultRef{Step: "s", Result: "a", Artifacts: "inputs", Index: -1}},
		},
		"PartOfArtifact": {
			reason: "An artifact has no parts.",
			text:   "$(tasks.t.outputs.a.uri)",
		},
		"ElementOfArtifact": {
			reason: "Nor elements.",
			text:   "$(steps.s.outputs.a[0])",
		},
		"ArtifactOfFinally": {
			reason: "Artifacts of tasks of finally come too late for everything.",
			text:   "$(finally.t.outputs.a)",
		},
		"ExitCode": {
			reason: "A step's exit code is no result.",
			text:   "$(steps.step-s.exitCode.path)",
		},
		"Status": {
			reason: "How a task ended.",
			text:   "$(tasks.t.status)",
			want:   kinds{State: "t status"},
		},
		"Reason": {
			reason: "Why a task ended so.",
			text:   "$(tasks['t'].reason)",
			want:   kinds{State: "t reason"},
		},
		"AllTasks": {
			reason: "How all tasks ended.",
			text:   "$(tasks.status)",
			want:   kinds{State: " status"},
		},
		"Combinations": {
			reason: "How many a matrix makes.",
			text:   "$(tasks.t.matrix.length)",
			want:   kinds{Length: "t "},
		},
		"Results": {
			reason: "How many of them gave a result.",
			text:   "$(tasks.t.matrix.r.length)",
			want:   kinds{Length: "t r"},
		},
		"Indexed": {
			reason: "A state has no elements.",
			text:   "$(tasks.t.status[0])$(tasks.t.matrix.length[*])",
		},
		"Deeper": {
			reason: "There is nothing below a key.",
			text:   "$(tasks.t.results.r.k.l)$(tasks.t.results.r.k[0])",
		},
		"Params": {
			reason: "A param is none of them.",
			text:   "$(params.results.r)",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got kinds
			for r := range References(tc.text) {
				if ref, ok := r.ResultRef(); ok {
					got.Result = &ref
				}
				if ref, ok := r.StepResultRef(); ok {
					got.Step = &ref
				}
				if task, attribute, ok := r.TaskState(); ok {
					got.State = task + " " + attribute
				}
				if task, result, ok := r.MatrixLength(); ok {
					got.Length = task + " " + result
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\n%s: -want, +got:\n%s", tc.reason, tc.text, diff)
			}
		})
	}
}

// Many openings that lead nowhere must not be scanned again and again.
func BenchmarkReferencesOfHostileText(b *testing.B) {
	text := strings.Repeat("$(params.", 100_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for range References(text) {
			b.Fatal("no reference is closed in this text")
		}
	}
}

func TestArtifactsPath(t *testing.T) {
	for text, want := range map[string]string{
		"$(artifacts.path)":         RootArtifacts,
		"$(step.artifacts.path)":    RootStep,
		"$(step['artifacts'].path)": RootStep,
		"$(artifacts.path[0])":      "",
		"$(artifacts.other)":        "",
		"$(step.results.r.path)":    "",
		"$(results.artifacts.path)": "",
		"$(artifacts..path)":        "",
	} {
		for r := range References(text) {
			if got := r.ArtifactsPath(); got != want {
				t.Errorf("ArtifactsPath of %s: got %q, want %q", text, got, want)
			}
		}
	}
}

func TestNamesOfArtifacts(t *testing.T) {
	cases := map[string]struct{ text, handed string }{
		"$(tasks.t.outputs.a)":        {text: "tasks.t.outputs.a", handed: "tasks.t.outputs.a"},
		"$(tasks.t.results.r.k)":      {text: "tasks.t.results.r", handed: "tasks.t.results.r"},
		"$(finally.t.results.r[*])":   {text: "finally.t.results.r", handed: "tasks.t.results.r"},
		"$(tasks.t.inputs['a.b/c'])":  {text: "tasks.t.inputs.a.b/c", handed: "tasks.t.inputs.a.b/c"},
		"$(tasks['t'].outputs['a'])":  {text: "tasks.t.outputs.a", handed: "tasks.t.outputs.a"},
		"$(tasks.t.results['a/b.c'])": {text: "tasks.t.results.a/b.c", handed: "tasks.t.results.a/b.c"},
	}
	for text, tc := range cases {
		for r := range References(text) {
			ref, ok := r.ResultRef()
			if !ok || ref.Text() != tc.text || r.Handed() != tc.handed {
				t.Errorf("%s: got %q and %q, want %q and %q", text, ref.Text(), r.Handed(), tc.text, tc.handed)
			}
		}
	}
}
