// Package page is the web page of `sluice ui`: files that a browser takes as they are.
package page

import (
	"embed"
	"fmt"
)

//go:embed index.html app.css app.js view.js
var files embed.FS

// File returns the content of a file. The error is that of a name that no file has.
func File(name string) ([]byte, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read file %q of the page: %w", name, err)
	}
	return text, nil
}
