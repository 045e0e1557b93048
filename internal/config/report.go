package config

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// report is one message about a ConfigMap.
type report struct {
	// reason and text of the event.
	reason, text string
	// logged and event select the log and events.
	logged, event bool
}

// report writes reports to the log and to events of the ConfigMap. It does not repeat reports that it has already made,
// because ConfigMaps are read again without a change.
func (w *Watcher) report(ctx context.Context, name types.NamespacedName, cm *corev1.ConfigMap, reports []report) {
	before := w.reported[name]
	w.reported[name] = reports
	for _, r := range reports {
		if slices.Contains(before, r) {
			continue
		}
		if r.logged {
			log.FromContext(ctx).Error(nil, r.text, "reason", r.reason, "configMap", name.String())
		}
		// Events are about objects that exist, and not about those of a Tekton beside this controller.
		if r.event && cm.Name != "" && (w.tekton == "" || cm.Namespace == w.namespace) {
			w.recorder.Eventf(cm, nil, corev1.EventTypeWarning, r.reason, "Configure", "%s", r.text)
		}
	}
}

// noticesOf returns the reports about keys without effect: all of them for the log, and the summaries for events. own is true
// for the namespace of the installation.
func noticesOf(configMap string, data map[string]string, own bool) []report {
	notices := Notices(configMap, data)
	if !own {
		notices = NoticesOfResolvers(configMap, data)
	}
	var reports []report
	for _, n := range notices {
		reports = append(reports, report{reason: string(n.Standing), text: n.Text, logged: true})
	}
	for _, n := range Summaries(notices) {
		reports = append(reports, report{reason: string(n.Standing), text: n.Text, event: true})
	}
	return reports
}

// logInForce logs the new settings.
func (w *Watcher) logInForce(ctx context.Context, name types.NamespacedName) {
	logger := log.FromContext(ctx)
	c := w.store.Load()
	switch name.Name {
	case DefaultsName:
		logger.Info("defaults in force", "timeout", c.Defaults.Timeout.String(), "serviceAccount", c.Defaults.ServiceAccount,
			"managedBy", c.Defaults.ManagedBy, "podTemplate", c.Defaults.PodTemplate != nil, "workspaceBinding", c.Defaults.WorkspaceBinding != nil,
			"containerResources", len(c.Defaults.ContainerResources), "imagePullTimeout", c.Defaults.ImagePullTimeout.String(),
			"forbiddenEnv", c.Defaults.ForbiddenEnv, "retention", c.Defaults.Retention != nil, "etcdQuota", c.Defaults.EtcdQuota)
	case ObservabilityName:
		logger.Info("settings of the metrics in force", "metrics", c.Metrics)
	case TracingName:
		logger.Info("settings of traces in force", "enabled", c.Tracing.Enabled, "endpoint", c.Tracing.Endpoint,
			"credentialsSecret", c.Tracing.CredentialsSecret)
	case ClusterResolverName:
		logger.Info("settings of the cluster resolver in force", "own", c.Cluster.Own, "shared", c.Cluster.Shared)
	case EventsName:
		logger.Info("events in force", "sink", c.sinkHost(), "customRuns", c.Flags.CustomRunEvents)
	default:
		logger.Info("flags in force", "resultsFrom", c.Flags.ResultsFrom, "resultsFromPerRun",
			c.Flags.ResultsFromPerRun, "followEveryTask", c.Flags.FollowEveryTask,
			"maxResultSize", c.Flags.MaxResultSize, "keepPodOnCancel", c.Flags.KeepPodOnCancel, "awaitSidecars", c.Flags.AwaitSidecars,
			"awaitInjected", c.Flags.AwaitInjected,
			"securityContext", c.Flags.SecurityContext, "disableCredentials", c.Flags.DisableCredentials, "coschedule", c.Flags.Coschedule,
			"noInlineSpec", c.Flags.NoInlineSpec, "noMatchPolicy", c.Flags.NoMatchPolicy)
	}
}
