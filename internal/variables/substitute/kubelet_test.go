package substitute

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// kubeletExpand is what becomes of a text on its way into the container, after the rule that the API reference of
// Container.args and EnvVar.value states: $(NAME) is replaced by the environment variable NAME, and left as it is when
// there is none; "$$" is replaced by "$", so that "$$(NAME)" arrives as "$(NAME)"; everything else stays.
func kubeletExpand(text string, env map[string]string) string {
	var out strings.Builder
	for text != "" {
		closing := strings.IndexByte(text, ')')
		switch {
		case strings.HasPrefix(text, "$$"):
			out.WriteByte('$')
			text = text[2:]
		case strings.HasPrefix(text, "$(") && closing > 0:
			if value, ok := env[text[2:closing]]; ok {
				out.WriteString(value)
			} else {
				out.WriteString(text[:closing+1])
			}
			text = text[closing+1:]
		default:
			out.WriteByte(text[0])
			text = text[1:]
		}
	}
	return out.String()
}

func TestWhatArrivesAfterTheKubelet(t *testing.T) {
	env := map[string]string{"HOME": "/root", "X": "secret"}
	cases := map[string]struct {
		reason, text, value, want string
	}{
		"ValueWithVariable": {
			reason: "A value that looks like an environment variable must not become one.",
			text:   "$(params.x)",
			value:  "$(HOME)",
			want:   "$(HOME)",
		},
		"ValueWithDollars": {
			reason: "The kubelet folds two dollars into one; a value has to keep both.",
			text:   "$(params.x)",
			value:  "a$$b$",
			want:   "a$$b$",
		},
		"ValueWithParam": {
			reason: "A value is not read again for variables of ours.",
			text:   "$(params.x)",
			value:  "$(params.x)",
			want:   "$(params.x)",
		},
		"LiteralVariable": {
			reason: "What the author wrote for Kubernetes still works beside a value.",
			text:   "$(HOME)/$(params.x)/$$(HOME)",
			value:  "v",
			want:   "/root/v/$(HOME)",
		},
		"LiteralAlone": {
			reason: "A text without any variable of ours is the author's alone.",
			text:   "$(HOME) $$ $(date) $",
			value:  "v",
			want:   "/root $ $(date) $",
		},
		"DollarBefore": {
			reason: "A dollar before a variable is a dollar before its value.",
			text:   "$$(params.x)",
			value:  "5",
			want:   "$5",
		},
		"DollarBeforeDollar": {
			reason: "A dollar before a value that begins with one does not swallow it.",
			text:   "$$(params.x)",
			value:  "$5",
			want:   "$$5",
		},
		"DollarBeforeParen": {
			reason: "A dollar and a value in parentheses do not make an environment variable together.",
			text:   "$$(params.x)",
			value:  "(HOME)",
			want:   "$(HOME)",
		},
		"TwoDollarsBefore": {
			reason: "Two dollars are one for Kubernetes, whatever follows.",
			text:   "$$$(params.x)",
			value:  "v",
			want:   "$v",
		},
		"ThreeDollarsBefore": {
			reason: "Three are two, since the last has nothing of the author's behind it.",
			text:   "$$$$(params.x)",
			value:  "v",
			want:   "$$v",
		},
		"NameFromValue": {
			reason: "A value cannot choose which environment variable is read.",
			text:   "$($(params.x))",
			value:  "X",
			want:   "$(X)",
		},
		"ShellCommand": {
			reason: "The shell's own substitution keeps the value in it as it is.",
			text:   "$(date +$(params.x))",
			value:  "$H",
			want:   "$(date +$H)",
		},
		"EmptyValue": {
			reason: "What stands on both sides of an empty value does not grow together.",
			text:   "$$(params.x)(HOME)",
			want:   "$(HOME)",
		},
		"ValueClosesNothing": {
			reason: "A value cannot close what the author opened.",
			text:   "$($(params.x)",
			value:  "HOME)",
			want:   "$(HOME)",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			vars := ForTaskRun(&v1.TaskSpec{}, []v1.Param{{Name: "x", Value: v1.StringValue(tc.value)}}, TaskRunContext{})
			spec := &v1.TaskSpec{Steps: []v1.Step{{Image: "i", Args: []string{tc.text}}}}
			out, err := substituted(spec, vars)
			if err != nil {
				t.Fatal(err)
			}
			if got := kubeletExpand(out.Steps[0].Args[0], env); got != tc.want {
				t.Errorf("\n%s\n%q with %q: want %q in the container, got %q (sent as %q)",
					tc.reason, tc.text, tc.value, tc.want, got, out.Steps[0].Args[0])
			}
		})
	}
}

// Whatever stands around it, a value arrives unchanged, and what stands around it means what it means alone.
func TestValuesArriveUnchanged(t *testing.T) {
	env := map[string]string{"HOME": "/root", "": "empty", "A": "$(B)", "B": "b"}
	literal := rapid.StringOf(rapid.SampledFrom([]rune{'$', '(', ')', 'A', 'B', ' ', '"'}))
	value := rapid.StringOf(rapid.SampledFrom([]rune{'$', '(', ')', 'A', 'p', '.', '\n', 'é'}))
	rapid.Check(t, func(t *rapid.T) {
		var text, want strings.Builder
		var given []v1.Param
		for _, name := range []string{"a", "b", "c"} {
			before := literal.Draw(t, "literal")
			v := value.Draw(t, "value")
			text.WriteString(before + "$(params." + name + ")")
			want.WriteString(kubeletExpand(before, env) + v)
			given = append(given, v1.Param{Name: name, Value: v1.StringValue(v)})
		}
		last := literal.Draw(t, "last")
		text.WriteString(last)
		want.WriteString(kubeletExpand(last, env))

		spec := &v1.TaskSpec{Steps: []v1.Step{{Image: "i", Script: text.String(), Args: []string{text.String()}}}}
		out, err := substituted(spec, ForTaskRun(&v1.TaskSpec{}, given, TaskRunContext{}))
		if err != nil {
			t.Fatal(err)
		}
		if got := kubeletExpand(out.Steps[0].Args[0], env); got != want.String() {
			t.Fatalf("%q was sent as %q: want %q in the container, got %q", text.String(), out.Steps[0].Args[0], want.String(), got)
		}
	})
}

func FuzzTaskSpec(f *testing.F) {
	f.Add("$(params.x) $(params['y'][*]) $$(HOME)", "value")
	f.Add("$(params.y[0])$(results.r.path)$(workspaces.w.bound)", "$(params.x)")
	f.Add("$(params.x[", "$$")
	f.Add("$(inputs.params.x) $(context.taskRun.name)", "\x00")
	f.Fuzz(func(t *testing.T, text, value string) {
		declared := &v1.TaskSpec{
			Results:    []v1.TaskResult{{Name: "r"}},
			Workspaces: []v1.WorkspaceDeclaration{{Name: "w"}},
		}
		given := []v1.Param{{Name: "x", Value: v1.StringValue(value)}, {Name: "y", Value: v1.ArrayValue(value, text)}}
		vars := ForTaskRun(declared, given, TaskRunContext{Name: "run"})
		spec := &v1.TaskSpec{Steps: []v1.Step{{
			Image: "image", Script: text, Args: []string{text, "$(params.x)", "$(params.y[*])"}, Command: []string{"-$(params.x)-"},
		}}}
		out, err := substituted(spec, vars)
		if err != nil {
			return
		}
		step := out.Steps[0]
		if got := kubeletExpand(step.Command[0], nil); got != "-"+value+"-" {
			t.Fatalf("value %q arrived as %q", value, got)
		}
		last := step.Args[len(step.Args)-2:]
		if kubeletExpand(last[0], nil) != value || kubeletExpand(last[1], nil) != text {
			t.Fatalf("array of %q and %q arrived as %q", value, text, last)
		}
	})
}

func BenchmarkTaskSpecOneMegabyte(b *testing.B) {
	value := strings.Repeat("a$(b) ", 1_000_000/6)
	spec := &v1.TaskSpec{Params: []v1.ParamSpec{{Name: "x"}}, Steps: []v1.Step{{Image: "i", Script: "cat <<'E'\n$(params.x)\nE\n"}}}
	given := []v1.Param{{Name: "x", Value: v1.StringValue(value)}}
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := substituted(spec, ForTaskRun(spec, given, TaskRunContext{})); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTaskSpecOneMegabyteArgument(b *testing.B) {
	value := strings.Repeat("a$(b) ", 1_000_000/6)
	spec := &v1.TaskSpec{Params: []v1.ParamSpec{{Name: "x"}}, Steps: []v1.Step{{Image: "i", Args: []string{"--data=$(params.x)"}}}}
	given := []v1.Param{{Name: "x", Value: v1.StringValue(value)}}
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := substituted(spec, ForTaskRun(spec, given, TaskRunContext{})); err != nil {
			b.Fatal(err)
		}
	}
}
