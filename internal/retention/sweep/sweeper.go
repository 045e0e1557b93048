package sweep

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/retention"
)

const (
	// pace is the shortest time from a change to the pass over its namespace. Changes within it share the pass.
	pace = 5 * time.Second
	// sweepEvery is the longest time between two passes over a namespace, in case an event was lost.
	sweepEvery = 10 * time.Minute
	// perPass is the maximum number of deletions of one pass, so that other namespaces get their turns.
	perPass = 100
	// perSecond is the maximum number of deletions in a second, in all namespaces.
	perSecond = 20
	// maxFailures ends a pass whose deletions fail.
	maxFailures = 3
	// refusedFor is the time to the next try if the controller may not delete runs.
	refusedFor = 10 * time.Minute
	// deniedFor is how long a run stays whose deletion a policy or a webhook has refused, and brokenFor the same after another error.
	// Meanwhile other runs go.
	deniedFor, brokenFor = time.Hour, 10 * time.Minute
	// sentFor is how long a deletion counts that the cache does not show yet.
	sentFor = time.Minute
	// patience bounds one request.
	patience = 10 * time.Second
)

// Refusal is why a deletion was refused.
type Refusal string

// The refusals.
const (
	// Changed: the run has changed since the decision, which is made again.
	Changed Refusal = "conflict"
	// Forbidden: the controller may not delete runs.
	Forbidden Refusal = "forbidden"
	// Denied: a policy or a webhook of the cluster does not let the run be deleted.
	Denied Refusal = "denied"
	// Other: another error of the API server.
	Other Refusal = "other"
)

// Meter counts deletions.
type Meter interface {
	// Deleted counts a run of a kind that was deleted, by the value of a retention.Reason.
	Deleted(kind, reason string)
	// Refused counts a deletion that was refused, by the value of a Refusal.
	Refused(kind, cause string)
}

// Options are the dependencies of a Sweeper.
type Options struct {
	// Client deletes runs, and reads the ConfigMap that a warning is about.
	Client client.Client
	// Runs reads runs from a cache.
	Runs Runs
	// Manages decides which runs the controller manages. It deletes no others.
	Manages ownership.Rule
	// Config has the rules.
	Config *config.Store
	// Sent says which CloudEvents about finished runs have been sent; nil: only their own records do.
	Sent *mark.Current
	// Recorder emits the warnings.
	Recorder events.EventRecorder
	// Settings is the ConfigMap with the rules, which a warning about the whole cluster is about.
	Settings types.NamespacedName
	// Beside reports that the controller runs beside Tekton: the right to delete is then granted in another way.
	Beside bool
	// Clock returns the time.
	Clock clock.PassiveClock
	// Meter counts deletions.
	Meter Meter
	// Ledger counts bytes.
	Ledger *Ledger
}

// Sweeper deletes finished runs, one namespace at a time. It reads no runs from the API server. Only one worker may use it.
type Sweeper struct {
	Options

	limiter *rate.Limiter
	// sent has the times of deletions that the cache may not show yet.
	sent map[types.UID]time.Time
	// refused has the versions of runs whose deletion was refused, and when it is tried again. Only those that the cache has get into it.
	refused  map[edition]time.Time
	warnings *warnings
}

// edition is one version of a run. A later version may be deleted, such as one without the label that protects it.
type edition struct {
	uid     types.UID
	version string
}

func editionOf(r *retention.Run) edition { return edition{r.UID, r.Version} }

// New returns a Sweeper.
func New(o Options) *Sweeper {
	return &Sweeper{
		Options: o, limiter: rate.NewLimiter(perSecond, perSecond), sent: map[types.UID]time.Time{},
		refused: map[edition]time.Time{}, warnings: newWarnings(o.Clock),
	}
}

// Reconcile makes one pass over the namespace that the request names. The request without a namespace is about the cluster.
func (s *Sweeper) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	if request.Namespace == "" {
		return ctrl.Result{}, s.warnCluster(ctx)
	}
	c := s.Config.Load()
	if c.Defaults.Retention == nil {
		return ctrl.Result{}, nil
	}
	rules := c.Defaults.Retention.For(request.Namespace)
	rules.Events = c.Sink() != ""
	return s.sweep(ctx, request.Namespace, c.Defaults.Retention, rules)
}

// sweep deletes what the rules of a namespace say, and returns when the next pass is due. The rules follow from the settings.
func (s *Sweeper) sweep(ctx context.Context, namespace string, settings *retention.Settings, rules retention.Rules) (ctrl.Result, error) {
	now := s.Clock.Now()
	runs, err := factsOf(s.Runs, namespace, s.Manages, s.Sent.Load().At(now))
	if err != nil {
		return ctrl.Result{}, err
	}
	s.mark(runs)
	d := retention.Decide(runs, rules, now)
	s.warnNamespace(namespace, runs, rules, d)
	err = s.deleteAll(ctx, d.Delete[:min(perPass, len(d.Delete))], settings)
	if apierrors.IsForbidden(err) {
		return ctrl.Result{RequeueAfter: refusedFor}, nil // the event says so
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("cannot delete all runs of namespace %q that retention selects: %w", namespace, err)
	}
	after := sweepEvery
	if !d.Next.IsZero() {
		after = min(after, max(d.Next.Sub(now), time.Second))
	}
	if len(d.Delete) > perPass {
		after = time.Second
	}
	return ctrl.Result{RequeueAfter: after}, nil
}

// mark marks the runs as leaving whose deletion the cache does not show yet, so that they count no more, and those whose deletion was
// refused, so that others go in their place.
func (s *Sweeper) mark(runs []retention.Run) {
	now := s.Clock.Now()
	maps.DeleteFunc(s.sent, func(_ types.UID, at time.Time) bool { return now.Sub(at) > sentFor })
	maps.DeleteFunc(s.refused, func(_ edition, until time.Time) bool { return !until.After(now) })
	if len(s.sent)+len(s.refused) == 0 {
		return
	}
	for i := range runs {
		if _, ok := s.sent[runs[i].UID]; ok {
			runs[i].Leaving = true
		}
		_, runs[i].Refused = s.refused[editionOf(&runs[i])]
	}
}

// deleteAll deletes runs. It returns the errors of deletions that will be tried again. If the controller may not delete runs, it
// stops at once, and also if other settings are in force by now: the pass that follows a change decides by them.
func (s *Sweeper) deleteAll(ctx context.Context, all []retention.Deletion, by *retention.Settings) error {
	var failures []error
	for _, one := range all {
		if err := s.limiter.Wait(ctx); err != nil {
			return fmt.Errorf("cannot wait for the turn of a deletion: %w", err)
		}
		if s.Config.Load().Defaults.Retention != by {
			break
		}
		err := s.deleteOne(ctx, one.Run)
		refusal := refusalOf(err)
		if refusal != "" {
			s.Meter.Refused(one.Run.Kind, string(refusal))
		}
		switch refusal {
		case "":
			s.deleted(ctx, one, err)
		case Changed: // the event of the change starts the next pass
		case Forbidden:
			s.warnForbidden(one.Run, err)
			return err
		case Denied:
			s.refused[editionOf(&one.Run)] = s.Clock.Now().Add(deniedFor)
			log.FromContext(ctx).Error(err, "a finished run stays", "kind", one.Run.Kind, "name", one.Run.Name, "rule", one.Reason)
		case Other:
			s.refused[editionOf(&one.Run)] = s.Clock.Now().Add(brokenFor)
			if failures = append(failures, err); len(failures) == maxFailures {
				return errors.Join(failures...)
			}
		}
	}
	return errors.Join(failures...)
}

// deleted records a run that is deleted. An error says that its user has deleted it meanwhile.
func (s *Sweeper) deleted(ctx context.Context, one retention.Deletion, err error) {
	if err != nil {
		return
	}
	s.sent[one.Run.UID] = s.Clock.Now()
	s.Meter.Deleted(one.Run.Kind, string(one.Reason))
	log.FromContext(ctx).Info("deleted a finished run", "kind", one.Run.Kind, "name", one.Run.Name, "rule", one.Reason,
		"bytes", one.Bytes, "ended", one.Run.Ended, "eventsDue", one.Unsent)
	if one.Unsent {
		s.warnUnsent(one)
	}
}

// refusalOf returns why the API server has not deleted a run; empty if it has, or if the run does not exist any more.
func refusalOf(err error) Refusal {
	switch {
	case err == nil, apierrors.IsNotFound(err):
		return ""
	case retention.Denied(err):
		return Denied
	case apierrors.IsConflict(err):
		return Changed
	case apierrors.IsForbidden(err):
		return Forbidden
	default:
		return Other
	}
}

// deleteOne deletes a run in the version that the decision was about. Kubernetes deletes what the run owns afterwards: deletion in
// the foreground would write the run once more, with its results, and so need room in etcd. Finalizers are respected.
func (s *Sweeper) deleteOne(ctx context.Context, r retention.Run) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := s.Client.Delete(ctx, object(r), client.PropagationPolicy(metav1.DeletePropagationBackground),
		client.Preconditions{UID: &r.UID, ResourceVersion: &r.Version})
	if err != nil {
		return fmt.Errorf("cannot delete %s %q: %w", r.Kind, r.Name, err)
	}
	return nil
}

// object returns the object of a run with what identifies it.
func object(r retention.Run) client.Object {
	meta := metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name, UID: r.UID}
	if r.Kind == v1.KindPipelineRun {
		return &v1.PipelineRun{ObjectMeta: meta}
	}
	return &v1.TaskRun{ObjectMeta: meta}
}
