// Package variables finds the references to variables, such as $(params.image), in the texts and values of an object, and
// visits every place where one may stand. Package substitute replaces them.
package variables
