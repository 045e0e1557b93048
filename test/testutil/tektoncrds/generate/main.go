// Command generate writes the fields of Tekton's kinds into a folder, one file for each version of a kind. It reads the
// CustomResourceDefinitions in another folder:
//
//	go run ./test/testutil/tektoncrds/generate CRDS test/testutil/tektoncrds/fields
//
// A line has a path, the type of its values, and "keeps" where the schema keeps unknown fields.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: generate CRDS FIELDS")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func generate(crds, fields string) error {
	files, err := filepath.Glob(filepath.Join(crds, "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("cannot find CustomResourceDefinitions: folder %q has no files that end in .yaml", crds)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var crd definition
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return fmt.Errorf("cannot read %s: %w", file, err)
		}
		for _, version := range crd.Spec.Versions {
			path := filepath.Join(fields, crd.Spec.Names.Kind+"."+version.Name+".txt")
			if err := os.WriteFile(path, []byte(list(&version.Schema.Schema)), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// definition has what is read of a CustomResourceDefinition.
type definition struct {
	Spec struct {
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Name   string `json:"name"`
			Schema struct {
				Schema schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

// schema has what is read of an OpenAPI schema.
type schema struct {
	Type        string             `json:"type"`
	Properties  map[string]*schema `json:"properties"`
	Items       *schema            `json:"items"`
	Additional  *schema            `json:"additionalProperties"`
	Keeps       bool               `json:"x-kubernetes-preserve-unknown-fields"`
	IntOrString bool               `json:"x-kubernetes-int-or-string"`
}

// list returns the lines of a schema, sorted.
func list(top *schema) string {
	var lines []string
	top.walk("", func(path string, s *schema) {
		line := path + " " + s.kind()
		if s.Keeps {
			line += " keeps"
		}
		lines = append(lines, line)
	})
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

func (s *schema) kind() string {
	switch {
	case s.IntOrString:
		return "int-or-string"
	case s.Type == "":
		return "any"
	default:
		return s.Type
	}
}

// walk visits the schemas below one, each with its path.
func (s *schema) walk(path string, visit func(string, *schema)) {
	inner := map[string]*schema{}
	for name, property := range s.Properties {
		inner["."+name] = property
	}
	if s.Items != nil {
		inner["[]"] = s.Items
	}
	if s.Additional != nil {
		inner["{}"] = s.Additional
	}
	for step, below := range inner {
		visit(path+step, below)
		below.walk(path+step, visit)
	}
}
