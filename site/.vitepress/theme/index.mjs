// The theme of the generator, with more room for wide tables.
import DefaultTheme from 'vitepress/theme'
import './wide.css'

export default DefaultTheme
