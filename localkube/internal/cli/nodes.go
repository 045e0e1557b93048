package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	kubelet "k8s.io/kubelet/pkg/apis"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/lifecycle"
)

// checkNodes returns an error if the number of nodes or a label cannot be used.
func checkNodes(o lifecycle.Options) error {
	if o.Nodes < 1 || o.Nodes > component.MaxNodes {
		return fmt.Errorf("cannot use --nodes %d: the number of nodes is from 1 to %d", o.Nodes, component.MaxNodes)
	}
	if o.APIOnly && (o.Nodes > 1 || len(o.NodeLabels) > 0) {
		return errors.New("cannot use --nodes or --node-label with --api-only: there is no node")
	}
	seen := map[string]bool{}
	for _, label := range o.NodeLabels {
		node, pair, _ := strings.Cut(label, ":")
		if names := component.NodeNames(o.Nodes); !slices.Contains(names, node) {
			return fmt.Errorf("cannot use --node-label %q: there is no node %q; the nodes are %s", label, node, strings.Join(names, ", "))
		}
		if err := checkLabel(pair); err != nil {
			return fmt.Errorf("cannot use --node-label %q: %w", label, err)
		}
		key, _, _ := strings.Cut(pair, "=")
		if seen[node+":"+key] {
			return fmt.Errorf("cannot use --node-label %q: node %q has another value for %q already", label, node, key)
		}
		seen[node+":"+key] = true
	}
	return nil
}

// checkLabel returns an error unless a kubelet may give its node the label KEY=VALUE.
func checkLabel(pair string) error {
	key, value, ok := strings.Cut(pair, "=")
	if !ok {
		return errors.New("a label is given as NODE:KEY=VALUE")
	}
	if problems := validation.IsQualifiedName(key); len(problems) > 0 {
		return fmt.Errorf("the key %q is not valid: %s", key, problems[0])
	}
	if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
		return fmt.Errorf("the value %q is not valid: %s", value, problems[0])
	}
	domain, _, _ := strings.Cut(key, "/")
	reserved := slices.ContainsFunc([]string{"kubernetes.io", "k8s.io"}, func(one string) bool {
		return strings.Contains(key, "/") && (domain == one || strings.HasSuffix(domain, "."+one))
	})
	if reserved && !kubelet.IsKubeletLabel(key) {
		return fmt.Errorf("no node may have the key %q: use a key outside of kubernetes.io and k8s.io", key)
	}
	return nil
}
