PACKAGE_PATH = __path__[0]
