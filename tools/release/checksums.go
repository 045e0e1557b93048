package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// writeChecksums writes the SHA-256 of each file of a folder, in the format of sha256sum.
func writeChecksums(folder string) error {
	sums, err := checksums(folder)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, file := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&b, "%s  %s\n", sums[file], file)
	}
	if err := os.WriteFile(filepath.Join(folder, checksumsFile), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("cannot write the checksums: %w", err)
	}
	return nil
}

// verifyChecksums compares a folder with its checksums: each file must be there, have its checksum, and be listed.
func verifyChecksums(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, checksumsFile))
	if err != nil {
		return fmt.Errorf("cannot read the checksums: %w", err)
	}
	have, err := checksums(folder)
	if err != nil {
		return err
	}
	var problems []error
	for line := range strings.Lines(string(text)) {
		want, file, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		sum, exists := have[file]
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("%s has the line %q, want a checksum, two spaces, and a file", checksumsFile, line))
		case !exists:
			problems = append(problems, fmt.Errorf("%s is missing", file))
		case sum != want:
			problems = append(problems, fmt.Errorf("%s has the SHA-256 %s, want %s", file, sum, want))
		}
		delete(have, file)
	}
	for _, file := range slices.Sorted(maps.Keys(have)) {
		problems = append(problems, fmt.Errorf("%s is not in %s", file, checksumsFile))
	}
	return errors.Join(problems...)
}

// checksums returns the SHA-256 of each file of a folder, by path with slashes, except for the checksums and their signature.
func checksums(folder string) (map[string]string, error) {
	sums := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		if relative == checksumsFile || relative == signatureFile {
			return nil
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", relative)
		}
		sums[relative], err = checksum(path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot compute the checksums of %q: %w", folder, err)
	}
	return sums, nil
}

func checksum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
