package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/test/load/bench/record"
)

// The lines that enclose the generated figures in a document.
const (
	begin  = "<!-- Written by `bench -docs`: begin -->\n"
	finish = "<!-- Written by `bench -docs`: end -->\n"
)

// Docs writes the tables into a document, between its marks, and the pictures into the folder of the same name.
func Docs(path string, file *record.File) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("cannot read document: %w", err)
	}
	lines := Lines(file)
	text, err := replace(string(document), Block(file.Machine, lines))
	if err != nil {
		return fmt.Errorf("cannot write figures into %q: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("cannot write document: %w", err)
	}
	return WritePictures(strings.TrimSuffix(path, filepath.Ext(path)), lines)
}

// WritePictures writes the pictures into a folder.
func WritePictures(folder string, lines []Line) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("cannot make folder for pictures: %w", err)
	}
	for name, picture := range Pictures(lines) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(picture), 0o644); err != nil {
			return fmt.Errorf("cannot write picture: %w", err)
		}
	}
	return nil
}

// Block returns the text between the marks.
func Block(m record.Machine, lines []Line) string {
	const gib = 1 << 30
	var text strings.Builder
	fmt.Fprintf(&text, "Measured on %d processors and %.0f GiB, Kubernetes %s, %s.\n\n", m.Processors, float64(m.Memory)/gib,
		strings.TrimPrefix(m.Kubernetes, "v"), strings.ReplaceAll(m.Runtime, "://", " "))
	Markdown(&text, lines)
	return text.String()
}

// replace replaces the text between the marks of a document.
func replace(document, text string) (string, error) {
	before, rest, ok := strings.Cut(document, begin)
	_, after, closed := strings.Cut(rest, finish)
	if !ok || !closed {
		return "", errors.New("it does not have the two marks")
	}
	return before + begin + "\n" + text + finish + after, nil
}
