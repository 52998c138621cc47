"""Tell what a month of the router costs on AWS: counted calls, a dated table of prices, and what is assumed beside them."""
