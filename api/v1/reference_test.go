package v1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
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
		"Param":            {"The common form.", "a $(params.image) b", []Reference{one("params", "image")}},
		"DoubleQuotes":     {"Brackets allow dots in a name.", `$(params["a.b"])`, []Reference{one("params", "a.b")}},
		"SingleQuotes":     {"Either quote will do.", `$(params['a.b'])`, []Reference{one("params", "a.b")}},
		"AnyNameInQuotes":  {"Quotes take what names cannot hold; that such a name does not exist is found later.", `$(params['a b)'])`, []Reference{one("params", "a b)")}},
		"Whole":            {"[*] is the whole of an array or an object.", "$(params.a[*])$(params['a.b'][*])", []Reference{whole(one("params", "a")), whole(one("params", "a.b"))}},
		"Index":            {"A number is one element.", "$(params.a[12])", []Reference{index(one("params", "a"), 12)}},
		"Key":              {"A second name is a key.", "$(params.o.k)", []Reference{one("params", "o", "k")}},
		"Legacy":           {"Tasks older than v1 say inputs.params.", "$(inputs.params.x)", []Reference{one("params", "x")}},
		"LegacyOther":      {"Nothing else lives under inputs.", "$(inputs.results.x)", nil},
		"AllRoots":         {"Every root of the API is found.", "$(results.r.path)$(workspaces.w.bound)$(context.taskRun.name)$(tasks.t.results.r)", []Reference{one("results", "r", "path"), one("workspaces", "w", "bound"), one("context", "taskRun", "name"), one("tasks", "t", "results", "r")}},
		"Steps":            {"A step refers to results and exit codes of others, and to results of its own.", "$(steps.a.results.r[*])$(steps.step-a.exitCode.path)$(step.results['r.x'].path)", []Reference{whole(one("steps", "a", "results", "r")), one("steps", "step-a", "exitCode", "path"), one("step", "results", "r.x", "path")}},
		"OtherRoots":       {"There are credentials, tasks of finally, and artifacts.", "$(credentials.path)$(finally.t.results.r)$(artifacts.path)", []Reference{one("credentials", "path"), one("finally", "t", "results", "r"), one("artifacts", "path")}},
		"AlmostRoots":      {"What only begins like a root is none.", "$(stepping.x)$(params2.x)$(task.x)$(final.x)", nil},
		"BracketedResult":  {"The path may stand behind brackets.", "$(results['r.x'].path)", []Reference{one("results", "r.x", "path")}},
		"Shell":            {"What belongs to the shell or to Kubernetes is left alone.", "$(date) $((1+1)) $(HOME) $params.x ${params.x} $(parameters.x)", nil},
		"ShellWithBlank":   {"A command that happens to be called like a root is not a variable.", "$(params.sh --all)", nil},
		"ShellOfParam":     {"A variable within the shell's own substitution is found.", "$(echo $(params.x))", []Reference{one("params", "x")}},
		"ShellArithmetic":  {"So is one within arithmetic.", `$(( "$(params.a)" + 1 ))`, []Reference{one("params", "a")}},
		"DollarBefore":     {"A dollar before a variable does not hide it.", "$$(params.x)", []Reference{one("params", "x")}},
		"NotClosed":        {"What is not closed is no variable.", "$(params.x", nil},
		"RootAlone":        {"A root alone is a command.", "$(params) $(results)", nil},
		"Dots":             {"Empty names do not follow the syntax.", "$(params..x)$(params.x.)", []Reference{bad("params"), bad("params", "x")}},
		"OpenBracket":      {"A bracket must be closed.", "$(params.x[)", []Reference{bad("params", "x")}},
		"IndexFirst":       {"An element needs an array to be of.", "$(params[0])", []Reference{bad("params")}},
		"BehindIndex":      {"Nothing stands behind an index.", "$(params.x[0].k)", []Reference{index(bad("params", "x"), 0)}},
		"NegativeIndex":    {"Elements are counted from 0.", "$(params.x[-1])", []Reference{bad("params", "x")}},
		"HugeIndex":        {"A number beyond any array is refused, not wrapped.", "$(params.x[99999999999999999999])", []Reference{bad("params", "x")}},
		"LineBreakInQuote": {"A quote ends on its line.", "$(params['a\nb'])", nil},
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
	value := ObjectValue(map[string]string{
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
	if diff := cmp.Diff(want, value.ResultRefs()); diff != "" {
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
		"Result":       {"A task's result.", "$(tasks.t.results.r[2])", kinds{Result: &ResultRef{Task: "t", Result: "r", Index: 2}}},
		"Finally":      {"A result of a task of finally.", "$(finally.t.results.o.k)", kinds{Result: &ResultRef{Task: "t", Result: "o", Key: "k", Index: -1, Finally: true}}},
		"Step":         {"A step's result.", "$(steps.s.results['r.x'][*])", kinds{Step: &StepResultRef{Step: "s", Result: "r.x", Whole: true, Index: -1}}},
		"ExitCode":     {"A step's exit code is no result.", "$(steps.step-s.exitCode.path)", kinds{}},
		"Status":       {"How a task ended.", "$(tasks.t.status)", kinds{State: "t status"}},
		"Reason":       {"Why a task ended so.", "$(tasks['t'].reason)", kinds{State: "t reason"}},
		"AllTasks":     {"How all tasks ended.", "$(tasks.status)", kinds{State: " status"}},
		"Combinations": {"How many a matrix makes.", "$(tasks.t.matrix.length)", kinds{Length: "t "}},
		"Results":      {"How many of them gave a result.", "$(tasks.t.matrix.r.length)", kinds{Length: "t r"}},
		"Indexed":      {"A state has no elements.", "$(tasks.t.status[0])$(tasks.t.matrix.length[*])", kinds{}},
		"Deeper":       {"There is nothing below a key.", "$(tasks.t.results.r.k.l)$(tasks.t.results.r.k[0])", kinds{}},
		"Params":       {"A param is none of them.", "$(params.results.r)", kinds{}},
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
