package cloudevents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
)

// errCut is the error of a request whose answer is lost.
var errCut = errors.New("the connection is closed")

// world is a cluster with one controller after the other, in which one thing happens at a time. It is the API server, too.
type world struct {
	client.Client // has no other methods than those below

	t     *testing.T
	r     *rand.Rand
	trace []string
	clock *clocktesting.FakePassiveClock

	runs     map[string]*v1.TaskRun
	settings *corev1.ConfigMap
	versions int
	// bad is how many of a hundred requests have an error. After half of them they were executed.
	bad int
	// failures counts these errors.
	failures int

	// writes are those of statuses that are under way, or that the API server still has.
	writes []*statusOnItsWay
	// refused are the runs whose events the sink refuses for now.
	refused map[types.UID]bool
	// accepted has the processes that have sent an event, by its identifier.
	accepted map[string][]int
	// orderly are the processes that have recorded everything at their end.
	orderly map[int]bool
	// lost reports that the mark was deleted: then events may be sent again.
	lost bool

	process int
	d       *Delivery
	cached  map[string]*v1.TaskRun
	trimmer *Trimmer
	// patches counts the writes of records, and marks those of the mark.
	patches, marks int
}

// statusOnItsWay is a write of a status.
type statusOnItsWay struct {
	before, after *v1.TaskRun
	process       int
	begun         time.Time
	// answered reports that the reconcile has an answer, although the API server may still execute the write.
	answered bool
}

func newWorld(t *testing.T, seed, schedule uint64, runs int) *world {
	t.Helper()
	w := &world{
		t: t, r: rand.New(rand.NewPCG(seed, schedule)), clock: clocktesting.NewFakePassiveClock(time.Unix(1_764_500_000, 0)),
		runs: map[string]*v1.TaskRun{}, refused: map[types.UID]bool{}, accepted: map[string][]int{}, orderly: map[int]bool{},
		settings: &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "installation", Name: mark.Name, ResourceVersion: "0"}},
	}
	for i := range runs {
		tr := run(fmt.Sprintf("run-%d", i))
		tr.UID, tr.ResourceVersion = types.UID(tr.Name), w.version()
		w.runs[tr.Name] = tr
	}
	w.begin(&mark.Current{})
	return w
}

func (w *world) version() string {
	w.versions++
	return strconv.Itoa(w.versions)
}

func (w *world) notef(format string, a ...any) { w.trace = append(w.trace, fmt.Sprintf(format, a...)) }

// begin starts a controller, which knows the mark of an earlier time. Its cache has what the API server has.
func (w *world) begin(current *mark.Current) {
	w.process++
	c := config.Default()
	c.Events.Sink = "http://sink.invalid"
	w.d = New(Options{
		Client: w, Live: w, Cache: cacheOf{w}, Config: config.NewStore(c), Recorder: &events.FakeRecorder{}, Clock: w.clock,
		Meter: &counts{all: map[string]int{}}, Log: logr.Discard(), Namespace: "installation", Sent: current,
	})
	w.d.sender = sender{&http.Client{Transport: w}}
	w.d.backlog.limit, w.d.batches.limit = 6, 4
	w.trimmer = NewTrimmer(current, w.clock.Now)
	w.cached = map[string]*v1.TaskRun{}
	for name := range w.runs {
		w.sync(name)
	}
	w.notef("process %d begins", w.process)
}

// sync shows the cache a run as it is.
func (w *world) sync(name string) {
	tr := w.runs[name]
	if tr == nil {
		delete(w.cached, name)
		return
	}
	w.cached[name] = tr.DeepCopy()
	if tr.Status.Done() {
		w.cached[name].Status.Annotations = w.trimmer.Trim(w.cached[name].Status.Annotations, tr.Status.CompletionTime)
	}
}

// cacheOf is the cache of the controller.
type cacheOf struct{ *world }

func (c cacheOf) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if all, ok := list.(*v1.TaskRunList); ok {
		for _, name := range slices.Sorted(maps.Keys(c.cached)) {
			all.Items = append(all.Items, *c.cached[name])
		}
	}
	return nil
}

// request makes some requests fail. Do is not called before half of these errors.
func (w *world) request(do func() error) error {
	if w.r.IntN(100) >= w.bad {
		return do()
	}
	w.failures++
	if w.r.IntN(2) == 0 {
		_ = do() // its answer is lost
	}
	return errCut
}

func (w *world) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	return w.request(func() error {
		switch typed := into.(type) {
		case *corev1.ConfigMap:
			if w.settings == nil {
				return apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, key.Name)
			}
			w.settings.DeepCopyInto(typed)
		case *v1.TaskRun:
			if w.runs[key.Name] == nil {
				return apierrors.NewNotFound(schema.GroupResource{Resource: "taskruns"}, key.Name)
			}
			w.runs[key.Name].DeepCopyInto(typed)
		}
		return nil
	})
}

func (w *world) Update(_ context.Context, o client.Object, _ ...client.UpdateOption) error {
	return w.request(func() error {
		cm := o.(*corev1.ConfigMap)
		if w.settings == nil {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, cm.Name)
		}
		if cm.ResourceVersion != w.settings.ResourceVersion {
			return apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, cm.Name, errors.New("changed"))
		}
		cm.ResourceVersion = w.version()
		w.settings = cm.DeepCopy()
		w.marks++
		w.notef("mark %v", cm.Data)
		return nil
	})
}

func (w *world) Status() client.SubResourceWriter { return recordsOf{w: w} }

// recordsOf writes records.
type recordsOf struct {
	client.SubResourceWriter

	w *world
}

func (s recordsOf) Patch(_ context.Context, o client.Object, p client.Patch, _ ...client.SubResourcePatchOption) error {
	return s.w.request(func() error {
		tr := s.w.runs[o.GetName()]
		if tr == nil {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "taskruns"}, o.GetName())
		}
		data, err := p.Data(o)
		if err != nil {
			return err
		}
		var all []struct {
			Value string `json:"value"`
		}
		if err := json.Unmarshal(data, &all); err != nil {
			return err
		}
		if all[0].Value != string(tr.UID) || all[1].Value != tr.Status.Annotations[v1.AnnotationEvents] {
			return refused(errors.New("testing failed"))
		}
		s.w.patches++
		s.w.store(tr, func(s *v1.TaskRunStatus) { s.Annotations = map[string]string{v1.AnnotationEvents: all[2].Value} })
		s.w.notef("%s: own record %q", tr.Name, all[2].Value)
		return nil
	})
}

func (w *world) store(tr *v1.TaskRun, change func(*v1.TaskRunStatus)) {
	changed := tr.DeepCopy()
	change(&changed.Status)
	changed.ResourceVersion = w.version()
	w.runs[tr.Name] = changed
}

// RoundTrip is the sink.
func (w *world) RoundTrip(request *http.Request) (*http.Response, error) {
	id := request.Header.Get("Ce-Id")
	uid := types.UID(id[:strings.LastIndex(id, "-")])
	answer := &http.Response{StatusCode: http.StatusAccepted, Status: "202", Body: io.NopCloser(strings.NewReader(""))}
	if w.refused[uid] {
		answer.StatusCode = http.StatusServiceUnavailable
		return answer, nil
	}
	w.notef("process %d sends %s", w.process, id)
	for _, earlier := range w.accepted[id] {
		if !w.lost && (earlier == w.process || w.orderly[earlier]) {
			w.failf("process %d sends %s again, after process %d", w.process, id, earlier)
		}
	}
	w.accepted[id] = append(w.accepted[id], w.process)
	return answer, nil
}

func (w *world) failf(format string, a ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\n%s", fmt.Sprintf(format, a...), strings.Join(w.trace, "\n"))
}
