package termination_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

var (
	started  = time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)
	finished = started.Add(time.Second)
	ended    = frame.Step{Name: "step-build", StartedAt: started, FinishedAt: finished, Reason: frame.ReasonCompleted}
)

func result(name, value string) frame.Result {
	return frame.Result{Name: name, Value: []byte(value), SHA256: sha256.Sum256([]byte(value))}
}

func TestMessage(t *testing.T) {
	failed := frame.Step{Name: "step-x", ExitCode: 3, StartedAt: started, FinishedAt: finished, Reason: frame.ReasonError}
	long := ended
	long.Message = noise(300)
	bare := ended
	bare.Name, bare.FinishedAt = "", time.Time{}
	skipped := frame.Step{Name: "step-b", ExitCode: 1, FinishedAt: finished, Reason: frame.ReasonSkipped}
	cases := map[string]struct {
		reason string
		in     termination.Message
		budget int
		want   termination.Message
	}{
		"Nothing": {"A step without results has a record.",
			termination.Message{Step: ended}, 4096, termination.Message{Step: ended}},
		"Skipped": {"A time that there is not is left out.",
			termination.Message{Step: skipped}, 4096, termination.Message{Step: skipped}},
		"Results": {"Values come back as they went, results of failed steps too.",
			termination.Message{Step: failed, Results: []frame.Result{result("a", "1\n"), result("empty", ""), result("html", "<b>&\u2028\x01")}}, 4096,
			termination.Message{Step: failed, Results: []frame.Result{result("a", "1\n"), result("empty", ""), result("html", "<b>&\u2028\x01")}}},
		"Compressed": {"What fits compressed is carried.",
			termination.Message{Step: ended, Results: []frame.Result{result("a", strings.Repeat("text ", 2000))}}, 1024,
			termination.Message{Step: ended, Results: []frame.Result{result("a", strings.Repeat("text ", 2000))}}},
		"Removed": {"A result that the step deleted is named.",
			termination.Message{Step: ended, Removed: []string{"a", "b"}}, 4096, termination.Message{Step: ended, Removed: []string{"a", "b"}}},
		"Problem": {"A problem is carried beside the results that have none.",
			termination.Message{Step: ended, Results: []frame.Result{result("b", "v")},
				Problems: []frame.Problem{{Result: "a", Kind: frame.NotRegular, Detail: "a directory"}}}, 4096,
			termination.Message{Step: ended, Results: []frame.Result{result("b", "v")},
				Problems: []frame.Problem{{Result: "a", Kind: frame.NotRegular, Detail: "a directory"}}}},
		"NotUTF8": {"A value that JSON would change is a problem.",
			termination.Message{Step: ended, Results: []frame.Result{result("a", "\xff"), result("b", "v")}}, 4096,
			termination.Message{Step: ended, Results: []frame.Result{result("b", "v")},
				Problems: []frame.Problem{{Result: "a", Kind: frame.NotUTF8, Size: 1}}}},
		"NoRoomForText": {"Explanations give way to results.",
			termination.Message{Step: long, Results: []frame.Result{result("a", noise(100))}}, 420,
			termination.Message{Step: ended, Results: []frame.Result{result("a", noise(100))}}},
		"NoRoomForName": {"What the container's status says, too, gives way to results.",
			termination.Message{Step: long, Results: []frame.Result{result("a", noise(100))}}, 310,
			termination.Message{Step: bare, Results: []frame.Result{result("a", noise(100))}}},
		"OverBudget": {"What does not fit is a problem that names the largest result.",
			termination.Message{Step: failed, Results: []frame.Result{result("a", "v"), result("big", noise(5000))}}, 4096,
			termination.Message{Step: frame.Step{ExitCode: 3, StartedAt: started, Reason: frame.ReasonError},
				Problems: []frame.Problem{{Result: "big", Kind: frame.OverBudget, Size: 5219, Limit: 4096}}}},
		"ProblemFirst": {"When nothing fits, what was wrong before is told.",
			termination.Message{Step: ended, Results: []frame.Result{result("big", noise(5000))},
				Problems: []frame.Problem{{Result: "a", Kind: frame.NotRegular, Detail: noise(500)}}}, 4096,
			termination.Message{Step: bare, Problems: []frame.Problem{{Result: "a", Kind: frame.NotRegular}}}},
		"RemovedOverBudget": {"Removed results are results, too.",
			termination.Message{Step: ended, Removed: []string{noise(200), noise(201)}}, 200,
			termination.Message{Step: bare, Problems: []frame.Problem{{Result: noise(200), Kind: frame.OverBudget, Size: 401, Limit: 200}}}},
		"NothingFits": {"A record is written even when there is no budget.",
			termination.Message{Step: long}, 10, termination.Message{Step: bare}},
	}
	// A size depends on the compressor, whose output is not promised to stay the same: within a few percent.
	about := cmpopts.EquateApprox(0.05, 0)
	sizes := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Size" },
		cmp.Comparer(func(a, b int64) bool { return cmp.Equal(float64(a), float64(b), about) }))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b, err := termination.EncodeMessage(tc.in, tc.budget)
			if err != nil {
				t.Fatalf("%s\ncannot encode: %v", tc.reason, err)
			}
			if most := max(tc.budget, termination.ProblemBytes); len(b) > most {
				t.Errorf("%s\n%d bytes, at most %d are expected", tc.reason, len(b), most)
			}
			got, err := termination.ParseMessage(b)
			if err != nil {
				t.Fatalf("%s\ncannot parse %q: %v", tc.reason, b, err)
			}
			if diff := cmp.Diff(tc.want, got, sizes); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestParseMessageRefuses(t *testing.T) {
	for name, message := range map[string]string{
		"ResultName": `[{"key":"../a","value":"v","type":1}]`,
		"ExitCode":   `[{"key":"ExitCode","value":"one","type":3}]`,
		"StartedAt":  `[{"key":"StartedAt","value":"yesterday","type":3}]`,
		"FinishedAt": `[{"key":"FinishedAt","value":"","type":3}]`,
		"Problem":    `[{"key":"Problem","value":"bad","type":3}]`,
		"NoList":     `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := termination.ParseMessage([]byte(message)); err == nil {
				t.Errorf("%s is taken for %+v", message, m)
			}
		})
	}
}

// A result is carried as it is, or the message has a problem: it is never left out in silence. And a message is never
// longer than its budget and the few bytes that a problem needs.
func TestMessageNeverDrops(t *testing.T) {
	name := rapid.StringMatching(`[a-z0-9]([-a-z0-9._A-Z]{0,253}[a-z0-9])?`)
	rapid.Check(t, func(t *rapid.T) {
		m := termination.Message{Step: frame.Step{
			Name: name.Draw(t, "step"), ExitCode: rapid.IntRange(-1, 255).Draw(t, "code"), StartedAt: started, FinishedAt: finished,
			Reason:  rapid.SampledFrom([]frame.Reason{frame.ReasonCompleted, frame.ReasonStartError}).Draw(t, "reason"),
			Message: noise(rapid.IntRange(0, 1024).Draw(t, "message")),
		}}
		for range rapid.IntRange(0, 5).Draw(t, "results") {
			size := rapid.OneOf(rapid.IntRange(0, 50), rapid.IntRange(0, 5000)).Draw(t, "size")
			m.Results = append(m.Results, result(name.Draw(t, "name"), noise(size)))
		}
		budget := rapid.OneOf(rapid.IntRange(0, 600), rapid.IntRange(0, 4096)).Draw(t, "budget")
		b, err := termination.EncodeMessage(m, budget)
		if err != nil {
			t.Fatalf("cannot encode: %v", err)
		}
		if len(b) > max(budget, termination.ProblemBytes) {
			t.Fatalf("%d bytes in a budget of %d", len(b), budget)
		}
		got, err := termination.ParseMessage(b)
		if err != nil {
			t.Fatalf("cannot parse %q: %v", b, err)
		}
		if got.Step.ExitCode != m.Step.ExitCode || got.Step.Reason != m.Step.Reason {
			t.Fatalf("got step %+v, want %+v", got.Step, m.Step)
		}
		if len(got.Problems) == 0 && !cmp.Equal(m.Results, got.Results) {
			t.Fatalf("results changed: %s", cmp.Diff(m.Results, got.Results))
		}
		for _, p := range got.Problems {
			if results.ValidName(p.Result) != nil || p.Limit != int64(budget) || p.Size <= p.Limit || len(got.Results) != 0 {
				t.Fatalf("problem %+v does not say what is wrong", p)
			}
		}
	})
}
