package logreader

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Reader reads logs of steps.
type Reader struct {
	// Pods is the source of logs.
	Pods typedcorev1.PodsGetter
	// Selection of steps.
	Selection Selection
	// Emit is called with each line, by one goroutine at a time for each TaskRun.
	Emit func(Line)
	// Gone is called with a message for each log that is no longer available.
	Gone func(message string)
	// Linger is how long a log may continue after its attempt has ended, because a lost node never ends one. 0: 5 seconds.
	Linger time.Duration
}

// origin is the place of the log of one step.
type origin struct {
	namespace, pod, container string
	line                      Line
}

// Print emits the logs of all attempts of a TaskRun up to now. task is the Task of the lines.
func (r *Reader) Print(ctx context.Context, task string, tr *v1.TaskRun) error {
	for _, a := range attemptsOf(tr) {
		for i := range a.steps {
			step := &a.steps[i]
			if !r.Selection.wants(step) || !begun(step) {
				continue
			}
			from := origin{tr.Namespace, a.pod, container(step), Line{Task: task, Step: step.Name, Attempt: a.number}}
			err := r.read(ctx, from, &mark{}, false)
			if apierrors.IsNotFound(err) {
				r.Gone(fmt.Sprintf("pod %s does not exist any more, so the log of step %s is lost", a.pod, step.Name))
				break
			}
			if apierrors.IsBadRequest(err) {
				continue // the container has not started
			}
			if err != nil {
				return fmt.Errorf("cannot read the log of step %q in pod %q: %w", step.Name, a.pod, err)
			}
		}
	}
	return nil
}

// Tail returns at most the given number of last lines of the log of a step.
func (r *Reader) Tail(ctx context.Context, tr *v1.TaskRun, step *v1.StepState, lines int64) ([]string, error) {
	log, err := r.Pods.Pods(tr.Namespace).GetLogs(tr.Status.PodName,
		&corev1.PodLogOptions{Container: container(step), TailLines: &lines, Timestamps: true}).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	var last []string
	err = copyLines(log, &mark{}, func(_, text string) { last = append(last, text) })
	return last, err
}

// read emits a log from the mark. With follow it ends when the container ends.
func (r *Reader) read(ctx context.Context, from origin, m *mark, follow bool) error {
	options := &corev1.PodLogOptions{Container: from.container, Follow: follow, Timestamps: true}
	if !m.last.IsZero() {
		options.SinceTime = &metav1.Time{Time: m.last}
		m.restart()
	}
	log, err := r.Pods.Pods(from.namespace).GetLogs(from.pod, options).Stream(ctx)
	if err != nil {
		return err
	}
	defer log.Close()
	return copyLines(log, m, func(at, text string) {
		line := from.line
		line.Time, line.Text = at, text
		r.Emit(line)
	})
}
