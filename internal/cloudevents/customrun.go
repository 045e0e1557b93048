package cloudevents

import (
	"context"
	"errors"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// servedPeriod is how often the Delivery looks whether the cluster serves CustomRuns, as long as it does not.
const servedPeriod = 15 * time.Second

// watchCustomRuns makes each change of a CustomRun an event. Other controllers write their statuses, so there is no write of a reconcile
// that an event could be noted in. Beside Tekton, Tekton sends the events of CustomRuns.
func (d *Delivery) watchCustomRuns(ctx context.Context) {
	if d.runs.Beside() {
		return
	}
	ticker := time.NewTicker(servedPeriod)
	defer ticker.Stop()
	for {
		err := d.observeCustomRuns(ctx)
		if err == nil {
			return
		}
		if !meta.IsNoMatchError(err) && !errors.Is(err, context.Canceled) {
			d.log.Error(err, "cannot watch CustomRuns yet, trying again")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (d *Delivery) observeCustomRuns(ctx context.Context) error {
	informer, err := d.cache.GetInformer(ctx, &v1beta1.CustomRun{})
	if err != nil {
		return err
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    d.customRun,
		UpdateFunc: func(_, after any) { d.customRun(after) },
	})
	return err
}

// customRun puts the event about the present state of a CustomRun into the queue, unless it is done.
func (d *Delivery) customRun(o any) {
	cr, ok := o.(*v1beta1.CustomRun)
	if !ok {
		return
	}
	if c := d.config.Load(); c.Sink() == "" || !c.Flags.CustomRunEvents {
		return
	}
	if one, due := customRunEvent(cr, d.clock.Now()); due {
		d.add(refOf(v1beta1.KindCustomRun, v1beta1.GroupVersion.Version, cr),
			[]item{{numbered: one, since: d.clock.Now()}}, "", one.phase.end())
	}
}

// customRunEvent returns the event about the present state of a CustomRun, and whether it is to be sent. A CustomRun without a record
// that ended long ago is from a time without a sink.
func customRunEvent(cr *v1beta1.CustomRun, now time.Time) (one numbered, due bool) {
	c := cr.Status.Condition()
	switch {
	case c == nil:
		one = numbered{1, Started}
	case c.Status == metav1.ConditionTrue:
		one = numbered{3, Successful}
	case c.Status == metav1.ConditionFalse:
		one = numbered{3, Failed}
	default:
		one = numbered{2, Running}
	}
	sent, err := strconv.Atoi(cr.Annotations[v1.AnnotationEvents])
	if err == nil {
		return one, sent < one.number
	}
	return one, !one.phase.end() || now.Sub(endOf(cr, c)) < patience
}

// endOf returns when a CustomRun ended, as far as its controller says so.
func endOf(cr *v1beta1.CustomRun, c *metav1.Condition) time.Time {
	switch {
	case cr.Status.CompletionTime != nil:
		return cr.Status.CompletionTime.Time
	case !c.LastTransitionTime.IsZero():
		return c.LastTransitionTime.Time
	default:
		return cr.CreationTimestamp.Time
	}
}
