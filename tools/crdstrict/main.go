// Crdstrict narrows generated CRDs where the schema that controller-gen knows for a Kubernetes type admits values which
// that type cannot decode. Such an object would be stored, and would then stop every client that watches its kind.
//
//	crdstrict FILE…
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
	narrow(crd)
	out, err := yaml.Marshal(crd)
	if err != nil {
		return fmt.Errorf("cannot encode CRD %q: %w", file, err)
	}
	if err := os.WriteFile(file, append([]byte("---\n"), out...), 0o644); err != nil {
		return fmt.Errorf("cannot write the CRD: %w", err)
	}
	return nil
}
