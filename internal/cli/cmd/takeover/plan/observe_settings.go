package plan

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/resolvers/bundles"
	"github.com/sluice-ci/sluice/internal/resolvers/git"
	"github.com/sluice-ci/sluice/internal/resolvers/hub"
	"github.com/sluice-ci/sluice/internal/resolvers/settings"
	"github.com/sluice-ci/sluice/internal/resolvers/web"
)

// settings reads the ConfigMaps of Tekton, and says for each key what it does in Sluice.
func (o *observer) settings(ctx context.Context) {
	for _, name := range config.Reads() {
		o.configMap(ctx, o.tekton, name, config.Notices)
	}
	for _, name := range config.ReadsOfResolvers() {
		o.configMap(ctx, config.ResolversNamespace, name, config.NoticesOfResolvers)
	}
	for _, spec := range resolverSpecs() {
		o.resolverConfigMap(ctx, spec)
	}
}

// resolverSpecs are the ConfigMaps that the program cmd/resolvers reads, except those of ReadsOfResolvers.
func resolverSpecs() []settings.Spec {
	return []settings.Spec{
		{Type: bundles.Type, ConfigMap: settings.BundlesName, Keys: bundles.Keys()},
		{Type: git.Type, ConfigMap: settings.GitName, Keys: git.Keys(), Prefixed: true},
		{Type: web.Type, ConfigMap: settings.HTTPName},
		{Type: hub.Type, ConfigMap: settings.HubName, Keys: hub.Keys()},
	}
}

// resolverConfigMap reads the ConfigMap of a resolver. A problem of a key begins with the names of the ConfigMap and of the key.
func (o *observer) resolverConfigMap(ctx context.Context, spec settings.Spec) {
	data, ok := o.data(ctx, config.ResolversNamespace, spec.ConfigMap)
	if !ok {
		return
	}
	_, problems := settings.Parse([]settings.Spec{spec}, settings.Source{Own: map[string]map[string]string{spec.ConfigMap: data}})
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if strings.HasPrefix(key, "_") {
			continue // an example
		}
		s := Setting{Namespace: config.ResolversNamespace, ConfigMap: spec.ConfigMap, Key: key, Standing: ActedOn}
		named := key
		if _, rest, found := strings.Cut(key, "."); found && spec.Prefixed {
			named = rest
		}
		for _, problem := range problems {
			if !strings.HasPrefix(problem, spec.ConfigMap+": "+named+": ") {
				continue
			}
			s.Standing, s.Text = Invalid, problem
			if strings.Contains(problem, "has no effect") {
				s.Standing = NotKnown
			}
		}
		o.facts.Settings = append(o.facts.Settings, s)
	}
}

// data returns the data of a ConfigMap; ok is false if there is none, or if it cannot be read.
func (o *observer) data(ctx context.Context, namespace, name string) (data map[string]string, ok bool) {
	var cm corev1.ConfigMap
	err := o.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &cm)
	if client.IgnoreNotFound(err) != nil {
		o.gap("ConfigMap "+name+" in namespace "+namespace, "get configmaps in namespace "+namespace, err)
	}
	return cm.Data, err == nil
}

func (o *observer) configMap(ctx context.Context, namespace, name string, notices func(string, map[string]string) []config.Notice) {
	data, ok := o.data(ctx, namespace, name)
	if !ok {
		return
	}
	without := map[string]config.Notice{}
	for _, n := range notices(name, data) {
		without[n.Key] = n
	}
	wrong := map[string]string{}
	for _, p := range problems(name, data) {
		wrong[p.Key] = p.Error()
	}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if strings.HasPrefix(key, "_") {
			continue // an example
		}
		s := Setting{Namespace: namespace, ConfigMap: name, Key: key, Standing: Same}
		n, found := without[key]
		switch {
		case wrong[key] != "":
			s.Standing, s.Text = Invalid, wrong[key]
		case found:
			s.Standing, s.Text = standingOf(n.Standing), n.Text
		case config.Acts(name, key):
			s.Standing = ActedOn
		}
		o.facts.Settings = append(o.facts.Settings, s)
	}
}

// problems returns the invalid values of a ConfigMap.
func problems(name string, data map[string]string) []config.SettingError {
	var found []config.SettingError
	switch name {
	case config.FlagsName:
		_, found = config.ParseFlags(data, []config.ResultsFrom{config.TerminationMessage, config.SidecarLogs})
	case config.DefaultsName:
		_, found = config.ParseDefaults(data)
	case config.ObservabilityName:
		_, found = config.ParseObservability(data)
	case config.ClusterResolverName:
		_, found = config.ParseClusterResolver(data)
	case config.EventsName:
		_, found = config.ParseEvents(data)
	}
	return found
}

func standingOf(s config.Standing) Standing {
	switch s {
	case config.PolicyIgnored:
		return Security
	case config.KnownIgnored:
		return Different
	default:
		return NotKnown
	}
}

// webhooks reads the webhooks that are called for the kinds of Tekton.
func (o *observer) webhooks(ctx context.Context) {
	var validating admissionregistrationv1.ValidatingWebhookConfigurationList
	if err := o.client.List(ctx, &validating); err != nil {
		o.gap("the validating webhooks", "list validatingwebhookconfigurations", err)
	}
	for _, c := range validating.Items {
		for _, w := range c.Webhooks {
			o.webhook("validating", c.Name, w.Rules, w.ClientConfig)
		}
	}
	var mutating admissionregistrationv1.MutatingWebhookConfigurationList
	if err := o.client.List(ctx, &mutating); err != nil {
		o.gap("the mutating webhooks", "list mutatingwebhookconfigurations", err)
	}
	for _, c := range mutating.Items {
		for _, w := range c.Webhooks {
			o.webhook("mutating", c.Name, w.Rules, w.ClientConfig)
		}
	}
	slices.SortFunc(o.facts.Webhooks, func(a, b Webhook) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Configuration, b.Configuration), cmp.Compare(a.Service, b.Service))
	})
	o.facts.Webhooks = slices.Compact(o.facts.Webhooks)
}

func (o *observer) webhook(kind, configuration string, rules []admissionregistrationv1.RuleWithOperations,
	to admissionregistrationv1.WebhookClientConfig) {
	if !slices.ContainsFunc(rules, func(r admissionregistrationv1.RuleWithOperations) bool { return ofTekton(r.APIGroups) }) {
		return
	}
	w := Webhook{Type: kind, Configuration: configuration, Service: "a URL"}
	if to.Service != nil {
		w.Service = to.Service.Namespace + "/" + to.Service.Name
	}
	o.facts.Webhooks = append(o.facts.Webhooks, w)
}

// ofTekton reports whether API groups have one of the groups of Tekton, or all groups.
func ofTekton(found []string) bool {
	return slices.ContainsFunc(found, func(group string) bool { return group == "*" || slices.Contains(groups(), group) })
}

// policies reads the policies of the API server for the kinds of Tekton.
func (o *observer) policies(ctx context.Context) {
	var list admissionregistrationv1.ValidatingAdmissionPolicyList
	if err := o.client.List(ctx, &list); err != nil {
		o.gap("the policies of the API server", "list validatingadmissionpolicies", err)
		return
	}
	for _, p := range list.Items {
		if p.Spec.MatchConstraints == nil {
			continue
		}
		for _, rule := range p.Spec.MatchConstraints.ResourceRules {
			if ofTekton(rule.APIGroups) {
				o.facts.Policies = append(o.facts.Policies, Counted{Name: fmt.Sprintf("ValidatingAdmissionPolicy %s", p.Name), Objects: 1})
				break
			}
		}
	}
	slices.SortStableFunc(o.facts.Policies, func(a, b Counted) int { return cmp.Compare(a.Name, b.Name) })
}
