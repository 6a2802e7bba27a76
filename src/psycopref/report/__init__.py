"""The report page: figures drawn by matplotlib, put into one self-contained HTML file by jinja2."""
