package prune

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/installation"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/retention"
)

// Rules are the flags that replace the rules of the installation.
type Rules struct {
	ttl, successfulTTL, failedTTL             time.Duration
	history, successfulHistory, failedHistory int64
	bytes                                     string
	// given are the rules; nil if no flag was used.
	given *retention.Settings
}

const (
	flagTTL               = "ttl"
	flagSuccessfulTTL     = "successful-ttl"
	flagFailedTTL         = "failed-ttl"
	flagHistory           = "history-limit"
	flagSuccessfulHistory = "successful-history-limit"
	flagFailedHistory     = "failed-history-limit"
	flagBytes             = "stored-bytes-limit"
)

func (r *Rules) register(c *cobra.Command) {
	f := c.Flags()
	f.DurationVar(&r.ttl, flagTTL, 0, "delete runs that ended longer ago than this, such as 168h")
	f.DurationVar(&r.successfulTTL, flagSuccessfulTTL, 0, "the same for successful runs only")
	f.DurationVar(&r.failedTTL, flagFailedTTL, 0, "the same for failed runs only")
	f.Int64Var(&r.history, flagHistory, 0, "keep this number of the latest runs of each Pipeline or Task, for each outcome")
	f.Int64Var(&r.successfulHistory, flagSuccessfulHistory, 0, "the same for successful runs only")
	f.Int64Var(&r.failedHistory, flagFailedHistory, 0, "the same for failed runs only")
	f.StringVar(&r.bytes, flagBytes, "", "delete the oldest runs of a namespace until its finished runs have these bytes, such as 200Mi")
}

// complete makes rules of the flags that the user has given.
func (r *Rules) complete(c *cobra.Command) error {
	p, some := retention.Policy{}, false
	for name, ttl := range map[string]time.Duration{flagTTL: r.ttl, flagSuccessfulTTL: r.successfulTTL, flagFailedTTL: r.failedTTL} {
		if ttl < 0 || ttl%time.Second != 0 { // as a number of seconds it could become 0, which deletes every run
			return clierror.Usage(c.CommandPath(), "cannot use --%s %s: give a duration of at least 0, in whole seconds, such as 168h", name, ttl)
		}
	}
	for name, set := range map[string]func(){
		flagTTL:               func() { p.TTLSecondsAfterFinished = new(int64(r.ttl.Seconds())) },
		flagSuccessfulTTL:     func() { p.SuccessfulTTLSecondsAfterFinished = new(int64(r.successfulTTL.Seconds())) },
		flagFailedTTL:         func() { p.FailedTTLSecondsAfterFinished = new(int64(r.failedTTL.Seconds())) },
		flagHistory:           func() { p.HistoryLimit = new(r.history) },
		flagSuccessfulHistory: func() { p.SuccessfulHistoryLimit = new(r.successfulHistory) },
		flagFailedHistory:     func() { p.FailedHistoryLimit = new(r.failedHistory) },
	} {
		if c.Flags().Changed(name) {
			set()
			some = true
		}
	}
	if c.Flags().Changed(flagBytes) {
		q, err := resource.ParseQuantity(r.bytes)
		if err != nil {
			return clierror.Usage(c.CommandPath(), "cannot use --%s %q: give a number of bytes, such as 200Mi", flagBytes, r.bytes)
		}
		p.StoredBytesLimit, some = &q, true
	}
	if !some {
		return nil
	}
	given := &retention.Settings{Policy: p}
	if err := given.Validate(); err != nil {
		return clierror.Usage(c.CommandPath(), "%w", err)
	}
	r.given = given
	return nil
}

// scope is what a decision needs to know about the installation.
type scope struct {
	settings *retention.Settings
	// manages reports whether Sluice manages a run, and look which CloudEvents about one are due.
	manages func(managedBy *string) bool
	look    mark.Look
}

// scope returns the rules, and what belongs to them.
func (o *Options) scope(ctx context.Context, c *cluster.Cluster) (scope, error) {
	found, err := installation.Find(ctx, c)
	if err != nil {
		return scope{}, err
	}
	if found.Mode == installation.Absent {
		if o.Rules.given == nil {
			return scope{}, clierror.New("cannot find the rules of retention: Sluice is not installed", "give rules, such as --history-limit 20")
		}
		found.Mode = installation.Full
	}
	sent, err := sentBy(ctx, c, found.Namespace)
	if err != nil {
		return scope{}, err
	}
	s := scope{
		settings: o.Rules.given, look: sent.At(o.Now()),
		manages: func(managedBy *string) bool { return found.EngineOf(managedBy) == installation.Sluice },
	}
	if s.settings == nil {
		s.settings, err = installed(ctx, c, found)
	}
	return s, err
}

// sentBy returns the mark of the installation in a namespace, which says which CloudEvents have been sent. Without the right to read it, a
// run waits for them as long as one whose events are due.
func sentBy(ctx context.Context, c *cluster.Cluster, namespace string) (mark.Mark, error) {
	if namespace == "" {
		return mark.Mark{}, nil
	}
	var cm corev1.ConfigMap
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: mark.Name}, &cm)
	switch {
	case apierrors.IsForbidden(err):
		return mark.Mark{}, nil
	case client.IgnoreNotFound(err) != nil:
		return mark.Mark{}, fmt.Errorf("cannot read ConfigMap %q in namespace %q: %w", mark.Name, namespace, err)
	}
	return mark.Parse(cm.Data)
}

// installed reads the rules of the installation.
func installed(ctx context.Context, c *cluster.Cluster, found installation.Installation) (*retention.Settings, error) {
	data := map[string]string{}
	sources := []client.ObjectKey{{Namespace: found.Namespace, Name: config.DefaultsName}}
	if found.Mode == installation.Beside { // the last one wins
		sources = []client.ObjectKey{
			{Namespace: installation.NamespaceFull, Name: config.DefaultsName}, {Namespace: found.Namespace, Name: config.SettingsName},
		}
	}
	for _, key := range sources {
		if err := merge(ctx, c, key, data); err != nil {
			return nil, err
		}
	}
	defaults, problems := config.ParseDefaults(data)
	for _, p := range problems {
		if p.Key == config.KeyRetention {
			return nil, errors.New(p.Error())
		}
	}
	if defaults.Retention == nil {
		return nil, clierror.New(fmt.Sprintf("there are no rules of retention: %s has no key %s in namespace %q", config.DefaultsName,
			config.KeyRetention, found.Namespace), "give rules, such as --history-limit 20 or --ttl 168h")
	}
	return defaults.Retention, nil
}

// merge adds the keys of a ConfigMap to data.
func merge(ctx context.Context, c *cluster.Cluster, key client.ObjectKey, data map[string]string) error {
	var cm corev1.ConfigMap
	if err := c.Client.Get(ctx, key, &cm); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot read ConfigMap %q in namespace %q: %w", key.Name, key.Namespace, err)
	}
	maps.Copy(data, cm.Data)
	return nil
}

// factsOf returns what a decision needs to know about a run; ok is false if Sluice does not manage it.
func factsOf(r runs.Run, in scope) (facts retention.Run, ok bool) {
	objectsize.KeepLength(r.Object())
	switch {
	case r.PipelineRun != nil && in.manages(r.PipelineRun.Spec.ManagedBy):
		return retention.OfPipelineRun(r.PipelineRun, in.look), true
	case r.TaskRun != nil && in.manages(r.TaskRun.Spec.ManagedBy):
		return retention.OfTaskRun(r.TaskRun, in.look), true
	case r.CustomRun != nil: // it only has to do with the PipelineRun that owns it
		return retention.OfCustomRun(r.CustomRun), true
	default:
		return retention.Run{}, false
	}
}

func conflicts(err error) bool { return apierrors.IsConflict(err) }
