// Package table prints what a command found: as a table for people, as JSON or YAML for programs.
package table

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
)

// Format is the value of -o. It is a flag value: what is none of the formats is refused when flags are read.
type Format string

// The formats that every command has.
const (
	Table Format = "table"
	JSON  Format = "json"
	YAML  Format = "yaml"
)

// Formats lists them, in the order in which help names them.
func Formats() []Format { return []Format{Table, JSON, YAML} }

// Register gives a command the flag -o, whose default is the table.
func (f *Format) Register(command *cobra.Command) {
	*f = Table
	command.Flags().VarP(f, "output", "o", "how to print: "+join(Formats()))
	// The flag exists: it was made in the line above.
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(words(Formats()), cobra.ShellCompDirectiveNoFileComp))
}

// Set takes the text of a flag.
func (f *Format) Set(text string) error {
	if !slices.Contains(Formats(), Format(text)) {
		return fmt.Errorf("is none of %s", join(Formats()))
	}
	*f = Format(text)
	return nil
}

// String is the text of the flag.
func (f *Format) String() string { return string(*f) }

// Type is what help calls the flag's value.
func (f *Format) Type() string { return "format" }

// Write prints object in this format; table prints it for people, to the same writer.
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

// writeJSON keeps < > and & as they are: the text is for programs and people, not for web pages.
func writeJSON(w io.Writer, object any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(object); err != nil {
		return fmt.Errorf("cannot encode %T as JSON: %w", object, err)
	}
	return nil
}

func words(formats []Format) []string {
	all := make([]string, len(formats))
	for i, f := range formats {
		all[i] = string(f)
	}
	return all
}

func join(formats []Format) string { return strings.Join(words(formats), "|") }
