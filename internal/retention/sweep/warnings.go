package sweep

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/retention"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// Reasons of the events.
const (
	// ReasonNearQuota: finished runs need most of etcd's quota. The event is about the ConfigMap with the settings.
	ReasonNearQuota = "StoredRunsNearQuota"
	// ReasonNearLimit: the finished runs of a namespace need most of its limit. This and the other events are about a run.
	ReasonNearLimit = "StoredRunsNearLimit"
	// ReasonOverLimit: runs that must stay need more than the limit of their namespace.
	ReasonOverLimit = "StoredRunsOverLimit"
	// ReasonUnsent: a run was deleted although CloudEvents about it were due.
	ReasonUnsent = "RunDeletedBeforeEvents"
	// ReasonForbidden: the controller may not delete runs.
	ReasonForbidden = "RetentionForbidden"
)

const (
	// warnAt is the percentage of a limit from which a warning is due, and calmAt the one below which it is over.
	warnAt = 80
	calmAt = 60
	// repeatAfter is the shortest time between two warnings about the same.
	repeatAfter = time.Hour
	// action is that of all events.
	action = "Retain"
	// maxNote is the maximum length of an event's note, in bytes, minus a reserve.
	maxNote = 1000
)

// near reports whether bytes are at least warnAt per cent of a limit; 0 is no limit.
func near(bytes, limit int64) bool { return limit > 0 && bytes >= part(limit, warnAt) }

// part returns a percentage of a limit. It does not overflow, and is exact to one per cent for small limits.
func part(limit, percent int64) int64 { return limit/100*percent + limit%100*percent/100 }

// warnings remembers what was reported, so that it is not repeated too often.
type warnings struct {
	clock clock.PassiveClock
	// last has the time of the last warning, by its subject.
	last map[string]time.Time
	// near has the namespaces whose warning is not over.
	near map[string]bool
}

func newWarnings(c clock.PassiveClock) *warnings {
	return &warnings{clock: c, last: map[string]time.Time{}, near: map[string]bool{}}
}

// due reports whether a warning about a subject is due, and records it.
func (w *warnings) due(subject string) bool {
	for known, at := range w.last {
		if w.clock.Since(at) >= repeatAfter {
			delete(w.last, known)
		}
	}
	if _, recent := w.last[subject]; recent {
		return false
	}
	w.last[subject] = w.clock.Now()
	return true
}

// rises reports whether a namespace has come near its limit since its last warning was over.
func (w *warnings) rises(namespace string, bytes, limit int64) bool {
	switch {
	case limit <= 0 || bytes < part(limit, calmAt):
		delete(w.near, namespace)
		return false
	case w.near[namespace] || !near(bytes, limit):
		return false
	default:
		w.near[namespace] = true
		return true
	}
}

// warnCluster reports that finished runs need most of etcd's quota.
func (s *Sweeper) warnCluster(ctx context.Context) error {
	defaults, total := s.Config.Load().Defaults, s.Ledger.Total()
	if !near(total, defaults.EtcdQuota) || !s.warnings.due(ReasonNearQuota) {
		return nil
	}
	text := fmt.Sprintf("finished runs have %d bytes in etcd, and %s is %d: a full etcd accepts no more writes for the whole cluster; "+
		"delete runs (sluice prune), let old ones be deleted (%s), or set %s to the quota of your etcd",
		total, config.KeyEtcdQuota, defaults.EtcdQuota, config.KeyRetention, config.KeyEtcdQuota)
	log.FromContext(ctx).Error(nil, text, "reason", ReasonNearQuota)
	cm := &corev1.ConfigMap{}
	if err := s.Client.Get(ctx, s.Settings, cm); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil // an event needs an object; the log has the warning
		}
		return fmt.Errorf("cannot read ConfigMap %q: %w", s.Settings.Name, err)
	}
	s.Recorder.Eventf(cm, nil, corev1.EventTypeWarning, ReasonNearQuota, action, "%s", text)
	return nil
}

// warnNamespace reports that the runs of a namespace need most of its limit, or more than it although runs may be deleted.
func (s *Sweeper) warnNamespace(namespace string, runs []retention.Run, rules retention.Rules, d retention.Decision) {
	if s.warnings.rises(namespace, d.Held, rules.Bytes) {
		s.warn(latest(runs), ReasonNearLimit, fmt.Sprintf("finished runs of namespace %q have %d bytes in etcd of %d (storedBytesLimit in "+
			"%s): above the limit the oldest are deleted", namespace, d.Held, rules.Bytes, config.KeyRetention))
	}
	if rules.Bytes > 0 && d.Left > rules.Bytes && len(d.Stay) > 0 && s.warnings.due(ReasonOverLimit+namespace) {
		stay := d.Stay[0]
		s.warn(&stay.Run, ReasonOverLimit, fmt.Sprintf("finished runs of namespace %q have %d bytes in etcd, more than %d (storedBytesLimit in "+
			"%s), and %d of them may not be deleted; for example %s %q: %s", namespace, d.Left, rules.Bytes, config.KeyRetention,
			len(d.Stay), stay.Run.Kind, stay.Run.Name, stay.Obstacle))
	}
}

// warnForbidden reports that the controller may not delete runs.
func (s *Sweeper) warnForbidden(r retention.Run, err error) {
	if s.warnings.due(ReasonForbidden) {
		grant := "kubectl apply -f config/enable-retention/"
		if s.Beside {
			grant = "see config/enable-retention/README.md for a controller beside Tekton"
		}
		s.warn(&r, ReasonForbidden, fmt.Sprintf("%s is set, and the controller may not delete runs; grant it: %s (%v)",
			config.KeyRetention, grant, err))
	}
}

// warnUnsent reports, at most once in an hour for a namespace, that a run was deleted although CloudEvents about it are due. The log has
// each of these runs.
func (s *Sweeper) warnUnsent(one retention.Deletion) {
	if s.warnings.due(ReasonUnsent + one.Run.Namespace) {
		s.warn(&one.Run, ReasonUnsent, fmt.Sprintf("the run was deleted (rule %s) although CloudEvents about it are due: the sink did not "+
			"accept them in time; they are lost if the controller ends before it has sent them, and so may be those of other runs of namespace %q",
			one.Reason, one.Run.Namespace))
	}
}

// warn emits an event about a run; nil: no run has ended.
func (s *Sweeper) warn(about *retention.Run, reason, text string) {
	if about == nil {
		return
	}
	s.Recorder.Eventf(object(*about), nil, corev1.EventTypeWarning, reason, action, "%s", truncate.Text(text, maxNote))
}

// latest returns the run that ended last, among those that no other run owns; nil: none has ended.
func latest(runs []retention.Run) *retention.Run {
	ended := slices.DeleteFunc(slices.Clone(runs), func(r retention.Run) bool { return r.Child || r.Outcome == retention.UnderWay })
	if len(ended) == 0 {
		return nil
	}
	last := slices.MaxFunc(ended, func(a, b retention.Run) int { return a.Ended.Compare(b.Ended) })
	return &last
}
