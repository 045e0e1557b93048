package logreader

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestALogIsReadOnWhereItBroke(t *testing.T) {
	const (
		a1 = "2026-01-02T10:00:01.1Z a1\n"
		a2 = "2026-01-02T10:00:01.5Z a2\n"
		a3 = "2026-01-02T10:00:01.5Z a3\n"
		b1 = "2026-01-02T10:00:02Z b1\n"
	)
	for name, tc := range map[string]struct {
		reason string
		reads  []string
		want   string
	}{
		"Whole": {
			reason: "A log that is read at once has each line once.",
			reads:  []string{a1 + a2 + a3 + b1},
			want:   "a1 a2 a3 b1",
		},
		"Again": {
			reason: "From the second of the last line on, lines come again.",
			reads:  []string{a1 + a2, a1 + a2 + a3 + b1},
			want:   "a1 a2 a3 b1",
		},
		"Same time": {
			reason: "Two lines with the same time are two lines.",
			reads:  []string{a1 + a2 + a3, a1 + a2 + a3 + b1},
			want:   "a1 a2 a3 b1",
		},
		"Nothing": {
			reason: "When nothing new has come nothing is said.",
			reads:  []string{a1 + a2, a1 + a2},
			want:   "a1 a2",
		},
		"Twice": {
			reason: "It may break more than once.",
			reads:  []string{a1, a1 + a2, a1 + a2 + a3, b1},
			want:   "a1 a2 a3 b1",
		},
		"No end": {
			reason: "A last line without a line feed is a line.",
			reads:  []string{a1 + strings.TrimSuffix(a2, "\n")},
			want:   "a1 a2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := &mark{}
			var got []string
			for _, log := range tc.reads {
				m.restart()
				if err := copyLines(strings.NewReader(log), m, func(_, text string) { got = append(got, text) }); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestAttempts(t *testing.T) {
	tr := &v1.TaskRun{}
	tr.Status.RetriesStatus = []v1.TaskRunAttempt{{PodName: "a-pod"}, {PodName: "a-pod-retry1"}}
	tr.Status.PodName = "a-pod-retry1" // of the failed attempt: the next one has no pod yet
	var pods []string
	for _, a := range attemptsOf(tr) {
		if !a.over {
			t.Errorf("an attempt that is among the earlier ones is over: %s", a.pod)
		}
		pods = append(pods, a.pod)
	}
	if want := []string{"a-pod", "a-pod-retry1"}; !slices.Equal(want, pods) {
		t.Errorf("each pod comes once: got %v, want %v", pods, want)
	}
}

func TestSelection(t *testing.T) {
	bad := &v1.StepState{Name: "cc", ContainerState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}}
	good := &v1.StepState{Name: "ld", ContainerState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}
	for name, tc := range map[string]struct {
		reason string
		s      Selection
		step   *v1.StepState
		want   bool
	}{
		"All":          {reason: "Nothing said is everything.", step: good, want: true},
		"Step":         {reason: "A step by its name.", s: Selection{Step: "cc"}, step: bad, want: true},
		"Another step": {reason: "No other.", s: Selection{Step: "cc"}, step: good},
		"Failed":       {reason: "What failed.", s: Selection{Failed: true}, step: bad, want: true},
		"Not failed":   {reason: "What went well is left out.", s: Selection{Failed: true}, step: good},
		"Both":         {reason: "Both must hold.", s: Selection{Step: "ld", Failed: true}, step: bad},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.s.wants(tc.step); got != tc.want {
				t.Errorf("%s got %v, want %v", tc.reason, got, tc.want)
			}
		})
	}
}
