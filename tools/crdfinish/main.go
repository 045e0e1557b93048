// Crdfinish changes the CRDs of controller-gen. It narrows schemas that admit values which do not decode, joins the lines of
// descriptions, admits custom tasks without steps, removes the rules from copies of specs in a status, keeps unknown fields
// for the webhooks, and adds earlier versions.
//
//	crdfinish FILE…
//
// rewrites the files in place.
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	for _, file := range os.Args[1:] {
		if err := rewrite(file); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
	}
}

func rewrite(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("cannot read the CRD: %w", err)
	}
	var crd map[string]any
	if err := yaml.Unmarshal(data, &crd); err != nil {
		return fmt.Errorf("cannot decode CRD %q: %w", file, err)
	}
	each(crd, boundIntOrString)
	each(crd, boundInt32)
	each(crd, joinParagraphs)
	each(crd, admitCustomTask)
	relaxStatus(crd)
	keepUnknown(crd)
	serveEarlier(crd)
	serveBeta(crd)
	out, err := yaml.Marshal(crd)
	if err != nil {
		return fmt.Errorf("cannot encode CRD %q: %w", file, err)
	}
	if err := os.WriteFile(file, append([]byte("---\n"), out...), 0o644); err != nil {
		return fmt.Errorf("cannot write the CRD: %w", err)
	}
	return nil
}

// each calls change for every object in node.
func each(node any, change func(map[string]any)) {
	switch n := node.(type) {
	case map[string]any:
		change(n)
		for _, child := range n {
			each(child, change)
		}
	case []any:
		for _, child := range n {
			each(child, change)
		}
	}
}
