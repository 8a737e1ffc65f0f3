"""The ROS 2 package (ament_python) and the Python distribution, from one description."""

from glob import glob

from setuptools import find_packages, setup

NAME = 'surgical_guidance'
NODES = ('camera', 'inference', 'advice', 'watchdog', 'relay', 'recorder')

setup(
    name=NAME,
    version='0.1.0',
    description='Remote surgical guidance: low-latency perception to advice, for robotic and endoscopic surgery.',
    license='Apache-2.0',
    python_requires='>=3.11',
    packages=find_packages('src'),
    package_dir={'': 'src'},
    package_data={
        '': [
            'py.typed',
            '*.yaml',
            '*.json',
            '*.onnx',
            '*.md',
            '*.html',
            '*.css',
            '*.js',
            '*.svg',
            '*.xml',
            '*.cu',
            '*.fatbin',
            '*.sha256',
        ],
    },
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        (f'share/{NAME}/launch', glob('launch/*.launch.py')),
        (f'share/{NAME}/config', glob('config/*.yaml')),
    ],
    extras_require={
        'test': ['pytest'],
        'engines': ['onnx', 'onnxslim', 'nvidia-ml-py'],  # docs/engines.md; and a TensorRT
        'gpu': ['cuda-bindings', 'nvidia-cuda-nvrtc'],  # docs/inference-gpu.md; PyCUDA where it can be built
        'openvino': ['openvino'],
    },
    zip_safe=False,
    entry_points={
        'console_scripts': [
            'surgical-guidance = surgical_guidance.cli:main',
            'guidance_container = surgical_guidance.container:main',
            *(f'{node}_node = surgical_guidance.container:{node}_main' for node in NODES),
        ],
    },
)
