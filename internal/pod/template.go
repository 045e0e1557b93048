package pod

import (
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// MergedTemplate returns a template with each field of over, and those of below that over does not set. Env and volumes are
// merged by name. Either may be nil. The result may share memory with both.
func MergedTemplate(below, over *v1.PodTemplate) v1.PodTemplate { return mergedTemplate(below, over) }

// mergedTemplate returns each field of over, and those of below that over does not set. Env and volumes are merged by name.
func mergedTemplate(below, over *v1.PodTemplate) v1.PodTemplate {
	if below == nil || over == nil {
		if only := first(over, below); only != nil {
			return *only
		}
		return v1.PodTemplate{}
	}
	merged := *over.DeepCopy()
	merged.Env = overlaid(below.Env, over.Env, func(e corev1.EnvVar) string { return e.Name })
	merged.Volumes = overlaid(below.Volumes, over.Volumes, func(v corev1.Volume) string { return v.Name })
	if merged.NodeSelector == nil {
		merged.NodeSelector = below.NodeSelector
	}
	merged.Tolerations = either(over.Tolerations, below.Tolerations)
	merged.ImagePullSecrets = either(over.ImagePullSecrets, below.ImagePullSecrets)
	merged.HostAliases = either(over.HostAliases, below.HostAliases)
	merged.TopologySpreadConstraints = either(over.TopologySpreadConstraints, below.TopologySpreadConstraints)
	merged.Affinity = first(over.Affinity, below.Affinity)
	merged.SecurityContext = first(over.SecurityContext, below.SecurityContext)
	merged.RuntimeClassName = first(over.RuntimeClassName, below.RuntimeClassName)
	merged.AutomountServiceAccountToken = first(over.AutomountServiceAccountToken, below.AutomountServiceAccountToken)
	merged.DNSPolicy = first(over.DNSPolicy, below.DNSPolicy)
	merged.DNSConfig = first(over.DNSConfig, below.DNSConfig)
	merged.EnableServiceLinks = first(over.EnableServiceLinks, below.EnableServiceLinks)
	merged.PriorityClassName = first(over.PriorityClassName, below.PriorityClassName)
	merged.HostUsers = first(over.HostUsers, below.HostUsers)
	merged.HostNetwork = over.HostNetwork || below.HostNetwork
	if merged.SchedulerName == "" {
		merged.SchedulerName = below.SchedulerName
	}
	return merged
}

// either returns the first list if it is not empty.
func either[E any](list, otherwise []E) []E {
	if len(list) > 0 {
		return list
	}
	return otherwise
}

// podSpec returns the pod's spec without containers.
func (b *builder) podSpec() corev1.PodSpec {
	t := b.template
	spec := corev1.PodSpec{
		RestartPolicy:                corev1.RestartPolicyNever,
		ServiceAccountName:           b.serviceAccount(),
		Volumes:                      b.volumes(),
		NodeSelector:                 t.NodeSelector,
		Tolerations:                  t.Tolerations,
		Affinity:                     t.Affinity,
		SecurityContext:              t.SecurityContext,
		RuntimeClassName:             t.RuntimeClassName,
		AutomountServiceAccountToken: t.AutomountServiceAccountToken,
		DNSConfig:                    t.DNSConfig,
		EnableServiceLinks:           t.EnableServiceLinks,
		SchedulerName:                t.SchedulerName,
		ImagePullSecrets:             t.ImagePullSecrets,
		HostAliases:                  t.HostAliases,
		HostNetwork:                  t.HostNetwork,
		HostUsers:                    t.HostUsers,
		TopologySpreadConstraints:    t.TopologySpreadConstraints,
	}
	if t.DNSPolicy != nil {
		spec.DNSPolicy = *t.DNSPolicy
	}
	if t.PriorityClassName != nil {
		spec.PriorityClassName = *t.PriorityClassName
	}
	return spec
}
