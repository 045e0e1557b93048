package inpod_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// ownResults is the directory of a step's own results.
func (p *pod) ownResults(i int) string { return filepath.Join(p.runDir(i), "results") }

// reference is the flag that lets a token stand for a result of step 0.
func (p *pod) reference(token, name, typ, part string) string {
	text := token + " step-0." + name + ":" + typ + "=" + filepath.Join(p.ownResults(0), name)
	if part != "" {
		text += " " + part
	}
	return "-reference=" + text
}

func when(t *testing.T, input, operator string, values ...string) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"input": input, "operator": operator, "values": values})
	must(t, err)
	return "-when=" + string(b)
}

// produce runs a first step that writes its own results.
func (p *pod) produce(results map[string]string) {
	p.t.Helper()
	var text strings.Builder
	for name, value := range results {
		must(p.t, os.WriteFile(p.path("value-"+name), []byte(value), 0o600))
		text.WriteString("cat value-" + name + " > " + filepath.Join(p.ownResults(0), name) + "\n")
	}
	p.step(0, append(p.script("umask 077\n"+text.String()), "-own-results", p.ownResults(0))).exit(0)
}

// A later step finds results of an earlier one in its command, its script, its environment and its conditions; whatever
// they hold, it arrives as it is.
func TestResultsBetweenSteps(t *testing.T) {
	const hostile = "$(steps.a.results.b) $$ '\"`\\ TOKEN-1 \x00é\n"
	p := newPod(t, 2)
	p.produce(map[string]string{"text": strings.ReplaceAll(hostile, "\x00", ""), "list": `["a b","$(HOME)",""]`, "map": `{"k.1":"v"}`})
	flags := append(p.script(`printf '<%s>' "$@" "$FROM_ENV" 'TOKEN-2'`),
		p.reference("TOKEN-1", "text", "string", ""), p.reference("TOKEN-2", "list", "array", "[1]"),
		p.reference("TOKEN-3", "list", "array", "[*]"), p.reference("TOKEN-4", "map", "object", ".k.1"),
		when(t, "TOKEN-4", "in", "x", "v"), when(t, "a b", "in", "TOKEN-3"), "-workdir", p.path("TOKEN-4"))
	c := p.startWith(withEnv("FROM_ENV=<TOKEN-4>"), p.stepArgs(1, flags, "TOKEN-1", "TOKEN-3", "x TOKEN-4")...)
	c.exit(0)
	c.wrote("<" + strings.ReplaceAll(hostile, "\x00", "") + "><a b><$(HOME)><><x v><<v>><$(HOME)>")
	p.recorded(1, 0, frame.ReasonCompleted)
	if !p.exists("v") {
		t.Error("the working directory was not made")
	}
}

// A script can hold any bytes, and a value that no argument could hold.
func TestResultInScript(t *testing.T) {
	large := strings.Repeat("large ", 200_000)
	p := newPod(t, 2)
	p.produce(map[string]string{"large": large, "zero": "a\x00b"})
	flags := append(p.script("cat > got <<'END'\nLARGE\nEND\nprintf ZERO > got2 || true\n"),
		p.reference("LARGE", "large", "string", ""), "-max-result-size", "1500000")
	p.step(1, flags).exit(0)
	if got := p.read("got"); got != large+"\n" {
		t.Errorf("%d bytes arrived, and not the same", len(got))
	}
}

func TestResultsBetweenStepsFail(t *testing.T) {
	cases := map[string]struct {
		reason  string
		value   string // "absent" for none
		typ     string
		part    string
		command []string
		flags   []string
		says    []string
	}{
		"Absent": {
			reason:  "A result that was not written is named.",
			value:   "absent",
			typ:     "string",
			command: []string{"echo", "TOKEN"},
			says:    []string{"step-0.r", "did not write"},
		},
		"TooLarge": {
			reason:  "A result has a limit.",
			value:   strings.Repeat("x", 11),
			typ:     "string",
			command: []string{"echo", "TOKEN"},
			flags:   []string{"-max-result-size=10"},
			says:    []string{"step-0.r", "TooLarge"},
		},
		"NotUTF8": {
			reason:  "A result is text.",
			value:   "\xff",
			typ:     "string",
			command: []string{"echo", "TOKEN"},
			says:    []string{"step-0.r", "NotUTF8"},
		},
		"Type": {
			reason:  "An array is one.",
			value:   "text",
			typ:     "array",
			part:    "[0]",
			command: []string{"echo", "TOKEN"},
			says:    []string{"step-0.r", "not a JSON array"},
		},
		"Element": {
			reason:  "An element is there.",
			value:   `["a"]`,
			typ:     "array",
			part:    "[1]",
			command: []string{"echo", "TOKEN"},
			says:    []string{"step-0.r", "element 1"},
		},
		"Zero": {
			reason:  "No argument holds a zero byte.",
			value:   "a\x00b",
			typ:     "string",
			command: []string{"echo", "TOKEN"},
			says:    []string{"zero byte"},
		},
		"Nothing": {
			reason:  "An empty array is no command.",
			value:   "[]",
			typ:     "array",
			part:    "[*]",
			command: []string{"TOKEN"},
			says:    []string{"empty array"},
		},
		"When": {
			reason:  "A condition that cannot be evaluated does not count as one that does not hold.",
			value:   "absent",
			typ:     "string",
			command: []string{"true"},
			flags:   []string{`-when={"input":"TOKEN","operator":"notin","values":["x"]}`},
			says:    []string{"when[0]", "step-0.r"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 3)
			values := map[string]string{"r": tc.value}
			if tc.value == "absent" {
				values = nil
			}
			p.produce(values)
			c := p.step(1, append([]string{p.reference("TOKEN", "r", tc.typ, tc.part)}, tc.flags...), tc.command...)
			c.exit(126)
			c.complained(tc.says...)
			if s := p.recorded(1, 126, frame.ReasonStartError); !strings.Contains(s.Message, tc.says[0]) {
				t.Errorf("%s\nmessage: %q", tc.reason, s.Message)
			}
			p.step(2, nil, "true").exit(1)
		})
	}
}

// A step that a condition skips has not failed: the next one runs. What its other texts refer to is not looked at.
func TestWhen(t *testing.T) {
	p := newPod(t, 3)
	p.produce(nil)
	c := p.step(1, []string{
		p.reference("TOKEN", "absent", "string", ""),
		when(t, "a", "in", "a"),
		when(t, "a", "notin", "b", "a"),
	}, "touch", "ran", "TOKEN")
	c.exit(0)
	if s := p.recorded(1, 0, frame.ReasonSkipped); s.Message != "when[1] is false" || !s.StartedAt.IsZero() || s.FinishedAt.IsZero() {
		t.Errorf("the record of the step that was skipped: %+v", s)
	}
	p.step(2, []string{when(t, "", "notin")}, "touch", "last").exit(0)
	if p.exists("ran") || !p.exists("last") {
		t.Errorf("the skipped step ran: %t; the one after it ran: %t", p.exists("ran"), p.exists("last"))
	}
}

// A step that did not run has no results, and that is not a problem, whatever kept it from running.
func TestOwnResultsOfStepThatDidNotRun(t *testing.T) {
	for name, tc := range map[string]struct {
		flags   []string
		command string
		code    int
	}{
		"Skipped":    {flags: []string{when(t, "a", "in", "b")}, command: "true"},
		"NotStarted": {command: "no-such-tool", code: 127},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 2)
			p.step(0, nil, "true").exit(0)
			own := filepath.Join(p.ownResults(1), "r")
			flags := []string{"-own-results", p.ownResults(1), "-result=step-1.r:string=" + own, "-report-results",
				"-termination-path", p.path("message-1"), "-termination-budget", "4096"}
			p.step(1, append(flags, tc.flags...), tc.command).exit(tc.code)
			m, err := termination.ParseMessage([]byte(p.read("message-1")))
			if err != nil || len(m.Problems)+len(m.Results) > 0 {
				t.Errorf("message %+v, error %v", m, err)
			}
		})
	}
}

// A condition of a step after a failure is not evaluated.
func TestWhenAfterFailure(t *testing.T) {
	p := newPod(t, 2)
	p.step(0, nil, "false").exit(1)
	p.step(1, []string{when(t, "a", "in", "b")}, "true").exit(1)
	p.recorded(1, frame.SkippedExitCode, frame.ReasonSkipped)
}

// The directory of a step's own results is there whatever its umask is, and others can look into it.
func TestOwnResults(t *testing.T) {
	p := reachable(t)
	must(t, os.MkdirAll(p.runDir(0), 0o755))
	flags := append(p.script("umask 077; echo -n value > "+filepath.Join(p.ownResults(0), "r")), "-own-results", p.ownResults(0),
		"-result=step-0.r:string="+filepath.Join(p.ownResults(0), "r"))
	p.step(0, flags).exit(0)
	sidecar := p.startWith(asNobody, "results", "-nonce", "n0nce", "-run-dir", p.path("run"), "-results-dir", p.runDir(0), "-step", "step-0",
		"-result=step-0.r:string="+filepath.Join(p.ownResults(0), "r"))
	sidecar.exit(0)
	var got []frame.Record
	for _, r := range readStream(t, &sidecar.stdout) {
		if result, ok := r.(frame.Result); ok {
			got = append(got, result)
		}
	}
	if len(got) != 1 || string(got[0].(frame.Result).Value) != "value" {
		t.Errorf("the sidecar emitted %v", got)
	}
}
