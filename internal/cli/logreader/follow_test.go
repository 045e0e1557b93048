package logreader

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// kubelet serves requests for logs: each with the next response for the container, and then always the last one.
type kubelet struct {
	mutex   sync.Mutex
	answers map[string][]http.HandlerFunc
	asked   []string
}

func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	pod := strings.Split(r.URL.Path, "/")[6]
	of := pod + "/" + r.URL.Query().Get("container")
	k.mutex.Lock()
	k.asked = append(k.asked, of)
	answers := k.answers[of]
	if len(answers) > 1 {
		k.answers[of] = answers[1:]
	}
	k.mutex.Unlock()
	if len(answers) == 0 {
		missing(w, r)
		return
	}
	answers[0](w, r)
}

// prints returns a log that has ended.
func prints(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, stamped(lines)) }
}

// breaks returns a connection that is lost after these lines.
func breaks(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, stamped(lines))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// hangs returns a log that never ends.
func hangs(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, stamped(lines))
		w.(http.Flusher).Flush()
		if r.URL.Query().Get("follow") == "true" {
			<-r.Context().Done()
		}
	}
}

// missing is the response for a deleted pod.
func missing(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"pods not found"}`)
}

// stamped gives line n the time of second n.
func stamped(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		fmt.Fprintf(&b, "2026-01-02T10:00:%02d.5Z %s\n", i, line)
	}
	return b.String()
}

func step(name string, ended bool) v1.StepState {
	s := v1.StepState{Name: name, Container: "step-" + name}
	if ended {
		s.Terminated = &corev1.ContainerStateTerminated{}
	} else {
		s.Running = &corev1.ContainerStateRunning{}
	}
	return s
}

// taskRun returns a run in a pod; done: it has ended.
func taskRun(pod string, done bool, steps ...v1.StepState) *v1.TaskRun {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "make", Namespace: "ci"}}
	tr.Status.PodName, tr.Status.Steps = pod, steps
	tr.Status.Conditions = []metav1.Condition{v1.Running(v1.TaskRunReasonRunning, "")}
	if done {
		tr.Status.Conditions = []metav1.Condition{v1.Succeeded("")}
	}
	return tr
}

// retried returns a run whose first attempt was in another pod.
func retried(tr *v1.TaskRun, pod string, steps ...v1.StepState) *v1.TaskRun {
	tr.Status.RetriesStatus = []v1.TaskRunAttempt{{PodName: pod, Steps: steps}}
	return tr
}

func TestFollow(t *testing.T) {
	for name, tc := range map[string]struct {
		reason  string
		answers map[string][]http.HandlerFunc
		// states of the run while its logs are followed, in order; the last one has ended.
		states []*v1.TaskRun
		want   string
		gone   bool
	}{
		"Plain": {
			reason:  "Step by step, to the end.",
			answers: map[string][]http.HandlerFunc{"p/step-a": {prints("a1", "a2")}, "p/step-b": {prints("b1")}},
			states: []*v1.TaskRun{
				taskRun("", false),
				taskRun("p", false, step("a", false), step("b", false)),
				taskRun("p", true, step("a", true), step("b", true)),
			},
			want: "1a:a1 1a:a2 1b:b1",
		},
		"Ended before": {
			reason:  "Of a run that has ended all is there.",
			answers: map[string][]http.HandlerFunc{"p/step-a": {prints("a1")}},
			states:  []*v1.TaskRun{taskRun("p", true, step("a", true))},
			want:    "1a:a1",
		},
		"Broken": {
			reason:  "A connection that breaks costs no line, and none comes twice.",
			answers: map[string][]http.HandlerFunc{"p/step-a": {breaks("a1", "a2"), breaks("a1", "a2", "a3"), prints("a1", "a2", "a3", "a4")}},
			states:  []*v1.TaskRun{taskRun("p", false, step("a", false))},
			want:    "1a:a1 1a:a2 1a:a3 1a:a4",
		},
		"Hanging": {
			reason:  "A log that nobody ends does not hold whoever follows it, once the run has ended.",
			answers: map[string][]http.HandlerFunc{"p/step-a": {hangs("a1")}},
			states:  []*v1.TaskRun{taskRun("p", false, step("a", false)), taskRun("p", true, step("a", true))},
			want:    "1a:a1",
		},
		"Retried": {
			reason:  "The pods of all attempts are read.",
			answers: map[string][]http.HandlerFunc{"p/step-a": {prints("a1")}, "q/step-a": {prints("a2")}},
			states: []*v1.TaskRun{
				taskRun("p", false, step("a", false)),
				retried(taskRun("p", false, step("a", true)), "p", step("a", true)),
				retried(taskRun("q", true, step("a", true)), "p", step("a", true)),
			},
			want: "1a:a1 2a:a2",
		},
		"Retried, hanging": {
			reason:  "The log of an attempt that is over does not keep the next one waiting.",
			answers: map[string][]http.HandlerFunc{"p/step-a": {hangs("a1")}, "q/step-a": {prints("a2")}},
			states: []*v1.TaskRun{
				taskRun("p", false, step("a", false)),
				retried(taskRun("q", true, step("a", true)), "p", step("a", true)),
			},
			want: "1a:a1 2a:a2",
		},
		"Gone": {
			reason:  "A pod that is gone is told, and the next one is read.",
			answers: map[string][]http.HandlerFunc{"q/step-a": {prints("a2")}},
			states:  []*v1.TaskRun{retried(taskRun("q", true, step("a", true)), "p", step("a", true))},
			want:    "2a:a2", gone: true,
		},
		"Never begun": {
			reason: "A run that ends without a pod has no log.",
			states: []*v1.TaskRun{taskRun("", false), taskRun("", true)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, gone := follow(t, &kubelet{answers: tc.answers}, tc.states)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if gone != tc.gone {
				t.Errorf("%s that a pod is gone was said: %v, want %v", tc.reason, gone, tc.gone)
			}
		})
	}
}

// follow follows the logs of a run through its states. The next state comes after a request in the current one, or if there can
// be no request. It returns the emitted lines.
func follow(t *testing.T, k *kubelet, states []*v1.TaskRun) (lines string, gone bool) {
	t.Helper()
	server := httptest.NewServer(k)
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	r := &Reader{
		Pods: client.CoreV1(), Linger: 20 * time.Millisecond,
		Emit: func(l Line) { got = append(got, fmt.Sprintf("%d%s:%s", l.Attempt, l.Step, l.Text)) },
		Gone: func(string) { gone = true },
	}
	board := NewBoard(states[0])
	done := make(chan error, 1)
	go func() { done <- r.Follow(t.Context(), "make", board) }()
	for _, next := range states[1:] {
		board.Set(next)
	}
	board.Close()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it hangs")
	}
	return strings.Join(got, " "), gone
}
