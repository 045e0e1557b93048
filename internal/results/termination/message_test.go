package termination_test

import (
	"crypto/sha256"
	"errors"
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
	least := bare
	least.StartedAt = time.Time{}
	letters := strings.NewReplacer("+", "x", "/", "y").Replace(noise(201))
	skipped := frame.Step{Name: "step-b", ExitCode: 1, FinishedAt: finished, Reason: frame.ReasonSkipped}
	cases := map[string]struct {
		reason string
		in     termination.Message
		budget int
		want   termination.Message
	}{
		"Nothing": {
			reason: "A step without results has a record.",
			in:     termination.Message{Step: ended},
			budget: 4096,
			want:   termination.Message{Step: ended},
		},
		"Skipped": {
			reason: "A time that there is not is left out.",
			in:     termination.Message{Step: skipped},
			budget: 4096,
			want:   termination.Message{Step: skipped},
		},
		"Results": {
			reason: "Values come back as they went, results of failed steps too.",
			in: termination.Message{
				Step:    failed,
				Results: []frame.Result{result("a", "1\n"), result("empty", ""), result("html", "<b>&\u2028\x01")},
			},
			budget: 4096,
			want: termination.Message{
				Step:    failed,
				Results: []frame.Result{result("a", "1\n"), result("empty", ""), result("html", "<b>&\u2028\x01")},
			},
		},
		"Compressed": {
			reason: "What fits compressed is carried.",
			in:     termination.Message{Step: ended, Results: []frame.Result{result("a", strings.Repeat("text ", 2000))}},
			budget: 1024,
			want:   termination.Message{Step: ended, Results: []frame.Result{result("a", strings.Repeat("text ", 2000))}},
		},
		"Removed": {
			reason: "A result that the step deleted is named.",
			in:     termination.Message{Step: ended, Removed: []string{"a", "b"}},
			budget: 4096,
			want:   termination.Message{Step: ended, Removed: []string{"a", "b"}},
		},
		"Problem": {
			reason: "A problem is carried beside the results that have none.",
			in: termination.Message{Step: ended, Results: []frame.Result{result("b", "v")},
				Problems: []frame.Problem{{Result: "a", Kind: frame.NotRegular, Detail: "a directory"}}},
			budget: 4096,
			want: termination.Message{Step: ended, Results: []frame.Result{result("b", "v")},
				Problems: []frame.Problem{{Result: "a", Kind: frame.NotRegular, Detail: "a directory"}}},
		},
		"NotUTF8": {
			reason: "A value that JSON would change is a problem.",
			in:     termination.Message{Step: ended, Results: []frame.Result{result("a", "\xff"), result("b", "v")}},
			budget: 4096,
			want: termination.Message{Step: ended, Results: []frame.Result{result("b", "v")},
				Problems: []frame.Problem{{Result: "a", Kind: frame.NotUTF8, Size: 1}}},
		},
		"NoRoomForText": {
			reason: "Explanations give way to results.",
			in:     termination.Message{Step: long, Results: []frame.Result{result("a", noise(100))}},
			budget: 420,
			want:   termination.Message{Step: ended, Results: []frame.Result{result("a", noise(100))}},
		},
		"NoRoomForName": {
			reason: "What the container's status says, too, gives way to results.",
			in:     termination.Message{Step: long, Results: []frame.Result{result("a", noise(100))}},
			budget: 310,
			want:   termination.Message{Step: bare, Results: []frame.Result{result("a", noise(100))}},
		},
		"OverBudget": {
			reason: "What does not fit is a problem that names the largest result.",
			in:     termination.Message{Step: failed, Results: []frame.Result{result("a", "v"), result("big", noise(5000))}},
			budget: 4096,
			want: termination.Message{Step: frame.Step{ExitCode: 3, StartedAt: started, Reason: frame.ReasonError},
				Problems: []frame.Problem{{Result: "big", Kind: frame.OverBudget, Size: 5219, Limit: 4096}}},
		},
		"ProblemFirst": {
			reason: "When nothing fits, what was wrong before is told.",
			in: termination.Message{Step: ended, Results: []frame.Result{result("big", noise(5000))},
				Problems: []frame.Problem{{Result: "a", Kind: frame.NotRegular, Detail: noise(500)}}},
			budget: 4096,
			want:   termination.Message{Step: bare, Problems: []frame.Problem{{Result: "a", Kind: frame.NotRegular}}},
		},
		"RemovedOverBudget": {
			reason: "Removed results are results, too.",
			in:     termination.Message{Step: ended, Removed: []string{letters[:200], letters}},
			budget: 200,
			want: termination.Message{
				Step:     least,
				Problems: []frame.Problem{{Result: letters[:200], Kind: frame.OverBudget, Size: 352, Limit: 200}},
			},
		},
		"NoRoomForStart": {
			reason: "How it ended is worth more than when it was started.",
			in:     termination.Message{Step: long, Results: []frame.Result{result("a", "v")}},
			budget: 130,
			want:   termination.Message{Step: least, Results: []frame.Result{result("a", "v")}},
		},
		"NothingFits": {
			reason: "A record is written even when there is no budget.",
			in:     termination.Message{Step: long},
			budget: 10,
			want:   termination.Message{Step: least},
		},
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
	cases := map[string]struct{ reason, message string }{
		"ResultName": {
			reason:  "The name of a result is never a path.",
			message: `[{"key":"../a","value":"v","type":1}]`,
		},
		"ResultTwice": {
			reason:  "One value must not replace another.",
			message: `[{"key":"a","value":"v","type":1},{"key":"a","value":"w","type":1}]`,
		},
		"ExitCode": {
			reason:  "An exit code is a number.",
			message: `[{"key":"ExitCode","value":"one","type":3}]`,
		},
		"ReasonTwice": {
			reason:  "A step ends for one reason.",
			message: `[{"key":"Reason","value":"Completed","type":3},{"key":"Reason","value":"Error","type":3}]`,
		},
		"StartedAt": {
			reason:  "Times are RFC 3339.",
			message: `[{"key":"StartedAt","value":"yesterday","type":3}]`,
		},
		"FinishedAt": {
			reason:  "Times are RFC 3339.",
			message: `[{"key":"FinishedAt","value":"","type":3}]`,
		},
		"Problem": {
			reason:  "A problem is JSON.",
			message: `[{"key":"Problem","value":"bad","type":3}]`,
		},
		"ProblemEmpty": {
			reason:  "A problem says what is wrong with which result.",
			message: `[{"key":"Problem","value":"{}","type":3}]`,
		},
		"Removed": {
			reason:  "What was removed was a result.",
			message: `[{"key":"Removed","value":"../a","type":3}]`,
		},
		"UnknownType": {
			reason:  "What may be a result of a kind that is not known is not passed over.",
			message: `[{"key":"a","value":"v","type":4}]`,
		},
		"NoType": {
			reason:  "An entry has a type.",
			message: `[{"key":"a","value":"v"}]`,
		},
		"NoList": {
			reason:  "A message is a list.",
			message: `{}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if m, err := termination.ParseMessage([]byte(tc.message)); !errors.Is(err, termination.ErrMalformed) {
				t.Errorf("%s\n%s is taken for %+v, error %v", tc.reason, tc.message, m, err)
			}
		})
	}
}

// What a later entrypoint has to say besides is passed over.
func TestParseMessageIgnoresUnknownKeys(t *testing.T) {
	got, err := termination.ParseMessage(
		[]byte(`[{"key":"Novelty","value":"v","type":3},{"key":"Reason","value":"Completed","type":3,"more":[]}]`),
	)
	if diff := cmp.Diff(termination.Message{Step: frame.Step{Reason: frame.ReasonCompleted}}, got); err != nil || diff != "" {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
}

// A message that does not agree with how its container ended was not left by an entrypoint that did all it had to do.
func TestAgrees(t *testing.T) {
	cases := map[string]struct {
		reason string
		step   frame.Step
		exit   int
		want   bool
	}{
		"Completed": {
			reason: "A step that completed.",
			step:   frame.Step{Reason: frame.ReasonCompleted},
			want:   true,
		},
		"Failed": {
			reason: "A step that failed.",
			step:   frame.Step{Reason: frame.ReasonError, ExitCode: 3},
			exit:   3,
			want:   true,
		},
		"Continued": {
			reason: "The container of a step after which the task goes on ends with 0.",
			step:   frame.Step{Reason: frame.ReasonContinued, ExitCode: 3},
			want:   true,
		},
		"OutOfMemory": {
			reason: "The entrypoint was killed after somebody had written a message.",
			step:   frame.Step{Reason: frame.ReasonCompleted},
			exit:   137,
		},
		"CouldNotPost": {
			reason: "The entrypoint could not tell the next step.",
			step:   frame.Step{Reason: frame.ReasonCompleted},
			exit:   1,
		},
		"ContinuedPost": {
			reason: "Nor here.",
			step:   frame.Step{Reason: frame.ReasonContinued, ExitCode: 3},
			exit:   1,
		},
		"Hidden": {
			reason: "A failure cannot be told by a container that ended well.",
			step:   frame.Step{Reason: frame.ReasonError, ExitCode: 3},
		},
		"Nothing": {reason: "No record agrees with nothing."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := (termination.Message{Step: tc.step}).Agrees(tc.exit); got != tc.want {
				t.Errorf("%s\ngot %t", tc.reason, got)
			}
		})
	}
}

// However many containers a pod has, a result that does not fit is named within what the kubelet keeps.
func TestOverBudgetIsNamedInManyContainers(t *testing.T) {
	name := strings.Repeat("n", 63)
	for containers := 1; containers <= 40; containers++ {
		budget := termination.Budget(containers)
		b, err := termination.EncodeMessage(termination.Message{
			Step:    ended,
			Results: []frame.Result{result("a", "v"), result(name, noise(5000))},
		}, budget)
		if err != nil || len(b) > budget {
			t.Fatalf("with %d containers: %d bytes in a budget of %d, error %v", containers, len(b), budget, err)
		}
		got, err := termination.ParseMessage(b)
		if err != nil || len(got.Problems) != 1 || got.Problems[0].Result != name || got.Problems[0].Kind != frame.OverBudget ||
			got.Problems[0].Limit != int64(budget) || got.Step.Reason != ended.Reason {
			t.Errorf("with %d containers: got %+v, error %v", containers, got, err)
		}
	}
}

// What the kubelet cuts is refused, wherever it cuts: a pod may get more containers than it was made with.
func TestCutMessages(t *testing.T) {
	for name, m := range map[string]termination.Message{
		"Plain":      {Step: ended, Results: []frame.Result{result("a", "value"), result("b", "")}},
		"Compressed": {Step: ended, Results: []frame.Result{result("a", strings.Repeat("text ", 2000)), result("b", noise(500))}},
		"OverBudget": {Step: ended, Results: []frame.Result{result("a", noise(5000))}},
	} {
		t.Run(name, func(t *testing.T) {
			whole, err := termination.EncodeMessage(m, 1365)
			if err != nil {
				t.Fatal(err)
			}
			for n := range whole {
				if got, err := termination.ParseMessage(whole[:n]); !errors.Is(err, termination.ErrMalformed) {
					t.Fatalf("%d of %d bytes are taken for %+v, error %v", n, len(whole), got, err)
				}
			}
		})
	}
	_, err := termination.ParseMessage([]byte(`[{"key":"Reason","value":"Completed","type":3},{"key":"a","val`))
	if err == nil || !strings.Contains(err.Error(), "more containers") {
		t.Errorf("error %v does not say why a message can be cut", err)
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
		for _, n := range rapid.SliceOfNDistinct(name, 0, 5, rapid.ID[string]).Draw(t, "results") {
			size := rapid.OneOf(rapid.IntRange(0, 50), rapid.IntRange(0, 5000)).Draw(t, "size")
			m.Results = append(m.Results, result(n, noise(size)))
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
