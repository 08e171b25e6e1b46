"""The daily screens, one module a job. A view asks permission, calls a selector or service and fills a template."""
