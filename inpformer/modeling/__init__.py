from inpformer.modeling.quick_timm import import_timm

# Before a module of this package imports it in the ordinary way.
import_timm()
