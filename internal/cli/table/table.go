// Package table prints the output of a command: as a table for users, or as JSON or YAML for programs.
package table

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/formatflag"
)

// Format is the value of the flag -o. Parsing the flag rejects an unknown format.
type Format string

// The formats.
const (
	Table Format = "table"
	JSON  Format = "json"
	YAML  Format = "yaml"
)

// Formats returns the formats in the order of help.
func Formats() []Format { return []Format{Table, JSON, YAML} }

// Register adds the flag -o to a command. Its default is the table.
func (f *Format) Register(command *cobra.Command) {
	*f = Table
	formatflag.Register(command, f, Formats()...)
}

// Write prints object in this format. table prints it as a table to its writer.
func (f *Format) Write(w io.Writer, object any, table func(io.Writer) error) error {
	switch *f {
	case JSON:
		return writeJSON(w, object)
	case YAML:
		text, err := yaml.Marshal(object)
		if err != nil {
			return fmt.Errorf("cannot encode %T as YAML: %w", object, err)
		}
		_, err = w.Write(text)
		return err
	case Table:
		return table(w)
	default:
		return clierror.New(fmt.Sprintf("cannot print as %q", string(*f)), "-o "+join(Formats()))
	}
}

// writeJSON does not escape < > and &, because the output is not for HTML.
func writeJSON(w io.Writer, object any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(object); err != nil {
		return fmt.Errorf("cannot encode %T as JSON: %w", object, err)
	}
	return nil
}

func join(formats []Format) string {
	words := make([]string, len(formats))
	for i, f := range formats {
		words[i] = string(f)
	}
	return strings.Join(words, "|")
}
