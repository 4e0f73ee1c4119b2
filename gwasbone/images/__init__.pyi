from gwasbone.images.build import (
    BuildReport as BuildReport,
    build_cache as build_cache,
)
from gwasbone.images.cache import (
    ImageCache as ImageCache,
    open_cache as open_cache,
)
from gwasbone.images.dicom import (
    Picture as Picture,
    picture_of as picture_of,
    read_picture as read_picture,
)
from gwasbone.images.region_map import (
    RegionMap as RegionMap,
    read_region_map as read_region_map,
)
from gwasbone.images.settings import ImageSettings as ImageSettings
from gwasbone.images.sources import find_sources as find_sources
